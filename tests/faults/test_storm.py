"""A storm: while 8 threads work in two tenants, another session kills backends at random.

Whatever is cut off where: no answer holds a foreign row, no acknowledged order is lost, and most
requests succeed.
"""

import json
import os
import random
import threading
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from config.embedded import WEB, free_port
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.orders.models import Order
from tests.isolation.shops import asks_of, open_shops
from tests.isolation.traffic import run
from tests.stack.running import web


class Killer(threading.Thread):
    """Cancels the statement of a random backend of the web login, or ends the backend."""

    def __init__(self, seed: int, pause: float, most: int) -> None:
        super().__init__(daemon=True)
        self.dice = random.Random(seed)
        self.pause = pause
        self.most = most
        self.landed = 0
        self.done = threading.Event()

    def run(self) -> None:
        folder = parse_qs(urlsplit(os.environ["OWNER_DATABASE_URL"]).query)["host"][0]
        with psycopg.connect(
            f"host={folder} user=postgres dbname=freehold", autocommit=True
        ) as session:
            while self.landed < self.most and not self.done.wait(self.pause):
                deed = self.dice.choice(["pg_cancel_backend", "pg_terminate_backend"])
                found = session.execute(
                    f"SELECT {deed}(pid) FROM pg_stat_activity WHERE usename = %s"
                    " AND state <> 'idle' ORDER BY random() LIMIT 1",
                    [WEB],
                ).fetchone()
                self.landed += found is not None and found[0]


@pytest.mark.parametrize(
    ("requests", "kills"), [(2_500, 40), pytest.param(30_000, 500, marks=pytest.mark.soak)]
)
def test_no_foreign_row_and_no_lost_order_while_backends_die(portal, tmp_path, requests, kills):
    shops = open_shops(portal)
    port = free_port()
    acknowledged: dict[str, set[str]] = {tenant.primary_host: set() for tenant in shops}

    def seen(host: str, status: int, text: str) -> None:
        if status == 201:
            acknowledged[host].add(json.loads(text)["id"])

    with web(port, tmp_path / "log", DB_POOL_SIZE="4"):
        asks = asks_of(port, shops)
        # Each kill costs a request or two: on a slow machine no more of them than on a fast one.
        killer = Killer(seed=requests, pause=0.05, most=3 * kills)
        killer.start()
        try:
            outcome = run(port, asks, requests, seed=requests, seen=seen)
        finally:
            killer.done.set()
            killer.join()
    print(outcome, "kills landed:", killer.landed)
    assert killer.landed >= kills
    assert outcome.foreign == 0
    well = sum(n for status, n in outcome.statuses.items() if status < 400)
    assert well >= 0.9 * requests
    # Whoever was cut off is asked to come back; a page may have been past its status line.
    assert set(outcome.statuses) <= {200, 201, 500, 503}
    for tenant in shops:
        with tenant_scope(tenant):
            kept = {str(pk) for pk in Order.objects.values_list("pk", flat=True)}
        assert acknowledged[tenant.primary_host] <= kept
        assert acknowledged[tenant.primary_host]
