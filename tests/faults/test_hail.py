"""Statements are cancelled at any moment: none then runs in another tenant's schema.

Stock django-tenants sends SET search_path by itself and swallows its failure, so that the next
statement runs in the schema of the connection's request before: the same hail makes foreign rows.
"""

import pytest

from config.embedded import DATABASE, WEB, free_port
from tests.faults.storm import Hail, every_statement_logged
from tests.isolation import peer
from tests.isolation.shops import asks_of, open_shops
from tests.isolation.traffic import run
from tests.stack.running import web


@pytest.mark.parametrize("requests", [600, pytest.param(20_000, marks=pytest.mark.soak)])
def test_no_foreign_row_while_statements_are_cancelled(portal, tmp_path, requests):
    shops = open_shops(portal)
    port = free_port()
    with every_statement_logged(DATABASE), web(port, tmp_path / "log", DB_POOL_SIZE="4"):
        asks = asks_of(port, shops)
        with Hail(DATABASE, WEB):
            outcome = run(port, asks, requests, seed=requests)
    print(outcome)
    assert outcome.foreign == 0
    assert outcome.failed == 0
    assert set(outcome.statuses) == {200, 201, 503}
    assert outcome.own > 0


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_the_same_hail_makes_foreign_rows_of_stock_django_tenants(tmp_path, rounds):
    """The positive control; that many rounds, and more until the first foreign row."""
    # One query a request, and none of public: what another request left behind then shows.
    ask = lambda dice: ("GET", f"/api/products/{dice.randint(1, 500)}/", None, {})  # noqa: E731
    outcomes = []
    peer.fill_database()
    with (
        every_statement_logged(peer.DATABASE),
        peer.peer(tmp_path / "log", DJANGO_SETTINGS_MODULE="config.remembered_hosts") as port,
    ):
        calm = run(port, dict.fromkeys(peer.HOSTS, ask), 500)
        with Hail(peer.DATABASE, "postgres"):
            while len(outcomes) < rounds or not any(o.foreign for o in outcomes):
                outcomes.append(
                    run(port, dict.fromkeys(peer.HOSTS, ask), 2_000, seed=len(outcomes))
                )
                assert len(outcomes) <= rounds + 10
    print(calm, *outcomes, sep="\n")
    # It is the hail that does it.
    assert calm.foreign == 0
