"""``make run``: the whole product on this machine, started together and stopped together."""

import errno
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from honcho.manager import Manager

from config.embedded import ServiceMissing, free_port, services

ROOT = Path(__file__).resolve().parent.parent
STEPS = (
    ("Migrating the database", "migrate --verbosity 0"),
    ("Filling the pool of ready tenants", "keep_pool --once"),
    ("Looking after the demo tenants", "load_demo"),
)
PROCESSES = {
    "web": (
        "granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1"
        " --blocking-threads 4 --backpressure 64 --no-access-log --log-level warning"
        " config.wsgi:application"
    ),
    "worker": (
        "celery --quiet -A config worker --loglevel WARNING --concurrency 2"
        " --without-gossip --without-mingle"
    ),
    "beat": "celery --quiet -A config beat --loglevel WARNING --schedule {data}/beat-schedule",
    "provisioner": "manage.py keep_pool",
}


def main() -> None:
    """Run until Ctrl-C, SIGTERM, or until one of the processes ends."""
    # While services start and steps run, SIGTERM must unwind as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    data = Path(os.environ.get("FREEHOLD_DATA", ROOT / ".data")).resolve()
    try:
        with ExitStack() as stack:
            stack.enter_context(_alone_in(data))
            port = _port(int(os.environ.get("PORT", "8000")))
            environment = stack.enter_context(_environment(data, port))
            stack.enter_context(_way_in(data / "environment", environment))
            for title, command in STEPS:
                _step(title, command, environment)
            code = _run(data, port, environment)
    except KeyboardInterrupt:
        code = 130
    except ServiceMissing as error:
        sys.exit(str(error))
    sys.exit(code)


def _say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def _alone_in(data: Path) -> Iterator[None]:
    """Hold the data folder: two stacks on one database folder would ruin it."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            sys.exit(
                f"Another `make run` uses {data}. Stop it, or set FREEHOLD_DATA to another folder."
            )
        yield


def _port(wanted: int) -> int:
    port = free_port(wanted)
    if port != wanted:
        _say(f"Port {wanted} is taken; using {port} instead (PORT sets it).")
    return port


@contextmanager
def _environment(data: Path, port: int) -> Iterator[dict[str, str]]:
    """Yield the processes' environment, with services of our own where none are given."""
    given = {
        name: os.environ[name]
        for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL")
        if name in os.environ
    }
    common = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": os.environ.get(
            "DJANGO_SETTINGS_MODULE", "config.settings.development"
        ),
        "FREEHOLD_DATA": str(data),
        "FREEHOLD_PORT_SUFFIX": "" if port == 80 else f":{port}",
        "EMAIL_URL": os.environ.get("EMAIL_URL", f"filemail:///{data}/mail"),
        "PYTHONUNBUFFERED": "1",
    }
    with ExitStack() as stack:
        if len(given) < 3:
            _say("Starting PostgreSQL and Redis")
            own = stack.enter_context(services(data))
        else:
            own = {}
        yield {**own, **common, **given}


@contextmanager
def _way_in(file: Path, environment: dict[str, str]) -> Iterator[None]:
    """Keep in ``file`` what ``manage.py`` needs in another terminal, while this runs."""
    names = (
        *("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL", "PG_DUMP"),
        *("FREEHOLD_PORT_SUFFIX", "EMAIL_URL"),
    )
    file.write_text("".join(f"{n}={environment[n]}\n" for n in names if n in environment))
    file.chmod(0o600)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _command(command: str) -> str:
    program, _, arguments = command.partition(" ")
    if program == "manage.py":
        return f"{sys.executable} {ROOT / 'manage.py'} {arguments}"
    return f"{Path(sys.executable).parent / program} {arguments}"


def _step(title: str, command: str, environment: dict[str, str]) -> None:
    _say(title)
    started = time.monotonic()
    code = os.spawnve(  # noqa: S606  # a fixed command
        os.P_WAIT,
        sys.executable,
        [sys.executable, str(ROOT / "manage.py"), *command.split()],
        environment,
    )
    if code:
        sys.exit(f"{title} failed.")
    if (seconds := time.monotonic() - started) > 5:
        _say(f"  took {seconds:.0f} s")


def _run(data: Path, port: int, environment: dict[str, str]) -> int:
    manager = Manager()
    for name, command in PROCESSES.items():
        own = dict(environment)
        # Celery warns of running as root, as containers and CI do.
        own["PYTHONWARNINGS"] = "ignore:You're running the worker with superuser privileges"
        if name != "provisioner":
            # The owner login stays with the one process that needs it.
            own.pop("OWNER_DATABASE_URL", None)
        manager.add_process(
            name, "exec " + _command(command.format(port=port, data=data)), env=own, cwd=str(ROOT)
        )
    _say(_summary(data, port, environment))
    manager.loop()
    return int(manager.returncode or 0)


def _summary(data: Path, port: int, environment: dict[str, str]) -> str:
    domain = environment.get("FREEHOLD_DOMAIN", "localhost")
    at = f"{domain}{environment['FREEHOLD_PORT_SUFFIX']}"
    return f"""
  Sign up          http://{at}/signup/
  Operators        http://{at}/admin/         (make one: see README)
  Demo portals     http://acme.{at}/   http://globex.{at}/
  Administration   http://acme.{at}/admin/
  API docs         http://acme.{at}/api/docs/
  Logins           owner@acme.example, owner@globex.example; customer@acme.example ...
  Password         freehold-demo-1
  Mail             {environment["EMAIL_URL"].removeprefix("filemail:///")}

Ctrl-C stops everything; the data stays in {data}.
"""


if __name__ == "__main__":
    main()
