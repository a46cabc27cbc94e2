"""PgBouncer before a PostgreSQL of the test run."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded import DATABASE, OWNER, WEB, free_port

_INI = """
[databases]
* = host={host}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
server_login_retry = 0
query_wait_timeout = 5
default_pool_size = 3
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
logfile = {folder}/log
pidfile = {folder}/pid
"""


@contextmanager
def pgbouncer(host: str, mode: str = "transaction") -> Iterator[int]:
    """Run it for the server whose socket lies in ``host``; yield its port.

    Three server connections only, so that clients are mixed on them at once.
    """
    program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
    assert program, "pgbouncer is not installed: run deploy/install-test-programs"
    folder = Path(tempfile.mkdtemp(prefix="freehold-pgbouncer-"))
    folder.chmod(0o777)
    port = free_port()
    (folder / "ini").write_text(_INI.format(host=host, port=port, folder=folder, mode=mode))
    (folder / "users").write_text(f'"{WEB}" ""\n"{OWNER}" ""\n"postgres" ""\n')
    # It refuses to run as root; PostgreSQL's own user can reach the socket.
    user = Path(host).stat().st_uid if os.getuid() == 0 else None
    process = subprocess.Popen(
        [program, "-q", str(folder / "ini")],
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        else:
            raise AssertionError((folder / "log").read_text())
        yield port
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def web_url(port: int) -> str:
    """Return the web login's DATABASE_URL through the pooler."""
    return f"postgres://{WEB}@127.0.0.1:{port}/{DATABASE}"


def owner_url(port: int) -> str:
    """Return the owner login's URL through the pooler, where it must not be."""
    return f"postgres://{OWNER}@127.0.0.1:{port}/{DATABASE}"
