"""The peer: the same catalogue on stock django-tenants, run beside ours as a positive control."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg

from config.embedded import free_port
from tests.isolation.traffic import CANARY
from tests.services import socket_folder
from tests.stack.running import BIN, ROOT, Http, process, until

PEER = ROOT / "tests" / "benchmarks" / "peer"
HOSTS = ("t0.localhost", "t1.localhost")


DATABASE = "peer"


@cache
def fill_database() -> None:
    """Make, once a run, a database of two tenants whose products' names say whose they are."""
    folder = socket_folder()
    with psycopg.connect(f"host={folder} user=postgres dbname=postgres", autocommit=True) as raw:
        raw.execute(f"CREATE DATABASE {DATABASE}")
    for command in (("manage.py", "migrate_schemas", "--shared"), ("seed.py", str(len(HOSTS)))):
        subprocess.run(
            [sys.executable, *command],
            cwd=PEER,
            env={**os.environ, **_environment()},
            check=True,
            capture_output=True,
        )
    with psycopg.connect(f"host={folder} user=postgres dbname={DATABASE}") as raw:
        for host in HOSTS:
            schema = host.partition(".")[0]
            raw.execute(
                f"UPDATE {schema}.catalog_product SET name = %s || name", [f"{CANARY}{schema} "]
            )


@contextmanager
def peer(log: Path, **environment: str) -> Iterator[int]:
    """Run the peer's web server; yield its port when it answers."""
    fill_database()
    port = free_port()
    with process(
        *(str(BIN / "granian"), "--interface", "wsgi", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1", "--blocking-threads", "8"),
        *("--log-level", "error", "config.wsgi:application"),
        log=log,
        cwd=PEER,
        **_environment() | environment,
    ):
        until(lambda: _responds(port), 20, f"the peer ({log})")
        yield port


def _environment() -> dict[str, str]:
    return {
        "PEER_PGHOST": socket_folder(),
        "PEER_DB": DATABASE,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }


def _responds(port: int) -> bool:
    try:
        return Http(port, HOSTS[0]).get("/api/products/").status == 200
    except OSError:
        return False
