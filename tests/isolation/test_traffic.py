"""8 threads over two tenants: no answer ever holds a row of the other.

The same requests to stock django-tenants behind the same pooler do show foreign rows: the
harness can see them.
"""

import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from config.embedded import free_port
from tests.isolation.shops import asks_of, open_shops
from tests.isolation.traffic import CANARY, run
from tests.pgbouncer import pgbouncer, web_url
from tests.stack.running import BIN, ROOT, Http, process, until, web

SHORT, LONG = 1_200, 20_000
PEER = ROOT / "tests" / "benchmarks" / "peer"


def socket_folder() -> str:
    return parse_qs(urlsplit(os.environ["OWNER_DATABASE_URL"]).query)["host"][0]


@pytest.fixture
def shops(portal):
    return open_shops(portal)


def check(port: int, shops, requests: int) -> None:
    outcome = run(port, asks_of(port, shops), requests, seed=requests)
    print(outcome)
    assert outcome.foreign == 0
    assert outcome.failed == 0
    assert set(outcome.statuses) == {200, 201}
    assert outcome.own == outcome.requests >= requests


@pytest.mark.parametrize("requests", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_no_foreign_row_with_djangos_own_pool(shops, tmp_path, requests):
    port = free_port()
    with web(port, tmp_path / "log", DB_POOL_SIZE="4"):
        check(port, shops, requests)


@pytest.mark.parametrize("requests", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_no_foreign_row_through_pgbouncer_in_transaction_mode(shops, tmp_path, requests):
    port = free_port()
    with (
        pgbouncer(socket_folder()) as pooler,
        web(port, tmp_path / "log", DATABASE_URL=web_url(pooler), DB_POOL_SIZE="0"),
    ):
        check(port, shops, requests)


@pytest.mark.parametrize("requests", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_the_same_harness_sees_foreign_rows_of_stock_django_tenants(tmp_path, requests):
    """The positive control: were this to show none, the zeros above would mean nothing."""
    database = f"peer_{requests}"
    folder = socket_folder()
    with psycopg.connect(f"host={folder} user=postgres dbname=postgres", autocommit=True) as raw:
        raw.execute(f"CREATE DATABASE {database}")
    environment = {
        "PEER_PGHOST": folder,
        "PEER_DB": database,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    def peer(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, *arguments],
            cwd=PEER,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )

    peer("manage.py", "migrate_schemas", "--shared")
    peer("seed.py", "2")
    with psycopg.connect(f"host={folder} user=postgres dbname={database}") as raw:
        for schema in ("t0", "t1"):
            raw.execute(
                f"UPDATE {schema}.catalog_product SET name = %s || name", [CANARY + schema + " "]
            )
    port = free_port()
    with (
        pgbouncer(folder) as pooler,
        process(
            *(str(BIN / "granian"), "--interface", "wsgi", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1", "--blocking-threads", "8"),
            *("--log-level", "error", "config.wsgi:application"),
            log=tmp_path / "log",
            cwd=PEER,
            **environment | {"PEER_PGHOST": "127.0.0.1", "PEER_PGPORT": str(pooler)},
        ),
    ):
        until(lambda: responds(port), 20, f"the peer ({tmp_path / 'log'})")
        ask = lambda dice: ("GET", "/api/products/", None, {})  # noqa: E731
        outcome = run(port, {"t0.localhost": ask, "t1.localhost": ask}, requests)
    print(outcome)
    assert outcome.foreign > 0


def responds(port: int) -> bool:
    try:
        return Http(port, "t0.localhost").get("/api/products/").status == 200
    except OSError:
        return False
