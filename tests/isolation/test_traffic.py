"""8 threads over two tenants: no answer ever holds a row of the other.

The same requests to stock django-tenants behind the same pooler do show foreign rows: the
harness can see them.
"""

import pytest

from config.embedded import free_port
from tests.isolation.peer import HOSTS, peer
from tests.isolation.shops import asks_of, open_shops
from tests.isolation.traffic import run
from tests.pgbouncer import pgbouncer, web_url
from tests.services import socket_folder
from tests.stack.running import web

SHORT, LONG = 1_200, 20_000


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
    ask = lambda dice: ("GET", "/api/products/", None, {})  # noqa: E731
    with (
        pgbouncer(socket_folder()) as pooler,
        peer(tmp_path / "log", PEER_PGHOST="127.0.0.1", PEER_PGPORT=str(pooler)) as port,
    ):
        outcome = run(port, dict.fromkeys(HOSTS, ask), requests)
    print(outcome)
    assert outcome.foreign > 0
