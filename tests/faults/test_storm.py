"""A storm: while 8 threads work in two tenants, backends, Redis and the worker die at random.

Whatever is cut off where: no answer holds a foreign row, most requests succeed, no acknowledged
order is lost, and each gets its confirmation mail in the end, even where Redis forgot the task.
"""

import json
import os
import re

import pytest
from django.db.models import F
from kombu import Connection

from config.embedded import free_port
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.integrations.tasks import sweep_every_outbox
from tenant_apps.orders.models import Order
from tests.faults.mortal_redis import MortalRedis
from tests.faults.storm import Killer, MortalWorker, Restarts
from tests.isolation.shops import asks_of, open_shops
from tests.isolation.traffic import run
from tests.stack.running import mailbox, until, web


@pytest.mark.parametrize(
    ("requests", "kills", "restarts"),
    [(1_500, 30, 1), pytest.param(30_000, 500, 20, marks=pytest.mark.soak)],
)
def test_no_foreign_row_and_nothing_acknowledged_is_lost_while_everything_dies(
    portal, tmp_path, requests, kills, restarts
):
    shops = open_shops(portal)
    port, mail_port = free_port(), int(os.environ["EMAIL_URL"].rpartition(":")[2])
    # Of each host, the acknowledged orders' ids and numbers.
    acknowledged: dict[str, dict[str, int]] = {tenant.primary_host: {} for tenant in shops}

    def seen(host: str, status: int, text: str) -> None:
        if status == 201:
            order = json.loads(text)
            acknowledged[host][order["id"]] = order["number"]

    with (
        mailbox(mail_port) as mail,
        MortalRedis(tmp_path / "redis") as redis,
        web(port, tmp_path / "log", DB_POOL_SIZE="4", REDIS_URL=redis.url),
        MortalWorker(tmp_path / "worker", REDIS_URL=redis.url) as worker,
    ):
        asks = asks_of(port, shops)
        # Each kill costs a request or two: on a slow machine no more of them than on a fast one.
        with (
            Killer(seed=requests, pause=0.05, most=3 * kills) as killer,
            Restarts(redis, worker, seed=requests) as restarted,
        ):
            outcome = run(port, asks, requests, seed=requests, seen=seen)
        deliver_the_rest(shops, redis.url)
    print(
        f"{outcome}, {killer.landed} kills landed, restarts: {restarted.of_redis} of Redis,"
        f" {restarted.of_redis_emptied} of them empty, {restarted.of_worker} of the worker;"
        f" {sum(map(len, acknowledged.values()))} orders, {len(mail.messages)} mails"
    )
    assert killer.landed >= kills
    assert min(restarted.of_redis, restarted.of_worker) >= restarts
    assert (outcome.foreign, outcome.failed) == (0, 0)
    well = sum(n for status, n in outcome.statuses.items() if status < 400)
    assert well >= 0.9 * requests
    # Whoever was cut off is asked to come back, and nobody waits for a Redis that is away.
    assert set(outcome.statuses) == {200, 201, 503}
    assert outcome.slowest < 10
    confirmed = confirmations(mail.messages)
    for tenant in shops:
        orders = acknowledged[tenant.primary_host]
        assert orders
        with tenant_scope(tenant):
            kept = {str(pk) for pk in Order.objects.values_list("pk", flat=True)}
        assert orders.keys() <= kept
        owner = f"owner@{tenant.primary_host.partition('.')[0]}.example"
        # A mail sent twice is the same message to its receiver.
        assert {len(confirmed.get((owner, number), ())) for number in orders.values()} == {1}


def deliver_the_rest(shops, url: str) -> None:
    """Do what time does: leases run out, and the sweeper comes round every hour."""

    def waiting() -> int:
        count = 0
        for tenant in shops:
            with tenant_scope(tenant):
                count += OutboxEntry.objects.filter(done_at=None).count()
        return count

    with Connection(f"{url}/0") as broker:
        while left := waiting():
            for tenant in shops:
                with tenant_scope(tenant):
                    OutboxEntry.objects.filter(done_at=None).update(due_at=F("created_at"))
            sweep_every_outbox.apply_async(connection=broker)
            # One sweep takes 500 of each tenant.
            until(lambda left=left: waiting() <= max(0, left - 500), 60, "the sweeper")


def confirmations(messages) -> dict[tuple[str, int], set[str]]:
    """Return the Message-IDs of the confirmations by receiver and order."""
    found: dict[tuple[str, int], set[str]] = {}
    for message in messages:
        if match := re.match(r"Order (\d+) confirmed", message["Subject"]):
            key = (message["To"], int(match.group(1)))
            found.setdefault(key, set()).add(message["Message-ID"])
    return found
