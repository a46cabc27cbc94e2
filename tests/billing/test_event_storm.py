"""Stripe's events over HTTP to real processes: many, twice, shuffled, some never."""

import math
import os
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing import inbox
from billing.models import (
    EventState,
    Notice,
    PlanPrice,
    StripeEvent,
    Subscription,
    SubscriptionStatus,
)
from billing.reconciling import reconcile
from config.embedded import free_port
from shared_apps.tenants.models import Tenant
from shared_apps.tenants.provisioning.pool import fill
from shared_apps.tenants.scope import public_scope, tenant_scope
from tenant_apps.integrations.models import OutboxEntry
from tests.stack.running import mailbox, until, web, worker

WEBHOOK = "/api/stripe/webhook/"
LIVE = ("trialing", "active", "past_due", "incomplete")


@pytest.fixture
def port(stripe, tmp_path):
    """A web server that takes Stripe's events."""
    port = free_port()
    with web(port, tmp_path / "web", **environment(stripe)):
        yield port


def environment(stripe) -> dict[str, str]:
    return {
        "STRIPE_API_URL": stripe.url,
        "STRIPE_SECRET_KEY": stripe.api_key,
        "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
    }


def histories(stripe, portal, *, events: int, seed: int) -> tuple[list[Subscription], list[Any]]:
    """Return portals' subscriptions and so many events, or some more, of what they went through."""
    many = max(10, events // 150)
    fill(many + 3)
    tenants = [portal().id for _ in range(many)]
    with public_scope():
        current = PlanPrice.objects.filter(is_current=True)
        prices = sorted(current.values_list("stripe_price", flat=True))
        customers: list[str] = []
        for part in range(1, 100):
            # As many rounds as it takes; whoever began has the rest of the time's events, too.
            customers = stripe.populate(prices, many, rounds=6 * part, days=30 * part, seed=seed)
            told = [each for each in stripe.events() if about(each) in customers]
            if len(told) >= events:
                break
        for tenant, customer in zip(tenants, customers, strict=True):
            Subscription.objects.filter(tenant=tenant).update(
                stripe_customer=customer,
                status=SubscriptionStatus.TRIALING,
                trial_ends_at=timezone.now() + timedelta(days=14),
            )
        rows = Subscription.objects.select_related("tenant").filter(tenant__in=tenants)
        return list(rows), told


def about(event) -> str:
    found = event["data"]["object"]
    return found["id"] if found["object"] == "customer" else found.get("customer") or ""


def expected(stripe, ours: Subscription) -> dict[str, Any]:
    """Return what our row has to say, of what the server has."""
    listed = stripe.client().v1.subscriptions.list(
        {"customer": ours.stripe_customer, "status": "all", "limit": 100}
    )
    found = sorted((one.to_dict() for one in listed.auto_paging_iter()), key=lambda s: s["created"])
    last = next((one for one in found if one["status"] in LIVE), found[-1])
    price = PlanPrice.objects.get(stripe_price=last["items"]["data"][0]["price"]["id"])
    is_over = last["status"] in ("canceled", "incomplete_expired")
    unpaid = is_over and last["cancellation_details"]["reason"] == "payment_failed"
    says = {
        "stripe_subscription": last["id"],
        "status": "canceled" if is_over else last["status"],
        "cancels": last["cancel_at_period_end"] and not is_over,
        "period_end": last["items"]["data"][0]["current_period_end"],
        "tenant": {"past_due": "past_due"}.get(last["status"], "suspended" if unpaid else "active"),
    }
    if is_over and not unpaid:
        return says | {"plan": "free"}
    is_running = not is_over and last["status"] != "incomplete"
    return says if not is_running else says | {"plan": price.plan.code, "interval": price.interval}


def says(ours: Subscription) -> dict[str, Any]:
    ends = ours.period_ends_at
    return {
        "stripe_subscription": ours.stripe_subscription,
        "status": ours.status,
        "cancels": ours.cancels_at_period_end,
        "period_end": None if ends is None else int(ends.timestamp()),
        "tenant": ours.tenant.status,
        "plan": ours.tenant.plan.code,
        "interval": ours.interval,
    }


def waiting() -> int:
    with public_scope():
        return StripeEvent.objects.filter(state=EventState.RECEIVED).count()


@pytest.mark.parametrize("events", [500, pytest.param(10_000, marks=pytest.mark.soak)])
@pytest.mark.timeout(1800)
def test_in_any_order_twice_or_never_it_ends_as_at_stripe(stripe, portal, port, tmp_path, events):
    seed = random.randrange(2**32) if events > 500 else 7
    subscriptions, told = histories(stripe, portal, events=events, seed=seed)
    mail_port = int(os.environ["EMAIL_URL"].rpartition(":")[2])
    with mailbox(mail_port) as mail, worker(tmp_path / "worker", **environment(stripe)):
        run = stripe.deliver_all(
            f"http://127.0.0.1:{port}{WEBHOOK}",
            told,
            host="localhost",
            seed=seed,
            duplicates=0.3,
            withheld=0.05,
            shuffled=True,
            at_once=8,
        )
        assert Counter(one.status for one in run.deliveries) == {200: len(run.deliveries)}
        assert len(run.deliveries) > 1.15 * len(told)
        assert len(run.withheld) > 0.02 * len(told)
        until(lambda: not waiting(), 600, "the worker to apply what came")
        with public_scope():
            ours = {about(event) for event in told}
            assert reconcile() >= len(run.withheld)
        until(lambda: not waiting(), 600, "the worker to apply what was found")

        def all_sent() -> bool:
            entries = [entry for one in subscriptions for entry in entries_of(one)]
            return all(entry.done_at for entry in entries)

        until(all_sent, 60, "the worker to send the mails")
    seconds = sorted(one.seconds for one in run.deliveries)
    print(f"seed {seed}: {len(told)} events, {len(run.deliveries)} deliveries, p99 of the answer")
    print(f"{1000 * seconds[math.ceil(0.99 * len(seconds)) - 1]:.0f} ms beside the worker")
    with public_scope():
        rows = StripeEvent.objects.filter(customer__in=ours)
        assert rows.count() == len(told), "each is kept once"
        parked = {(row.type, row.why) for row in rows.exclude(state=EventState.APPLIED)}
        assert {why for _type, why in parked} <= {"of an unknown type"}, parked
        found = Subscription.objects.select_related("tenant__plan")
        for one in subscriptions:
            row = found.get(pk=one.pk)
            wanted = expected(stripe, row)
            assert says(row) | wanted == says(row), row
        notices = Notice.objects.filter(subscription__in=subscriptions)
        told_of = Counter(notices.values_list("subscription", flat=True))
    ids = " ".join(message["Message-ID"] for message in mail.messages)
    for one in subscriptions:
        entries = entries_of(one)
        assert len(entries) == told_of[one.pk]
        assert [ids.count(str(entry.pk)) for entry in entries] == [1] * len(entries)
    assert told_of


def entries_of(subscription: Subscription) -> list[OutboxEntry]:
    """Return the mails about paying that the portal's outbox was given."""
    with public_scope():
        tenant = Tenant.objects.get(pk=subscription.tenant_id).snapshot()
    with tenant_scope(tenant):
        return list(OutboxEntry.objects.filter(kind="billing.notice"))


def test_while_no_worker_runs_all_is_kept_and_applied_later(stripe, portal, port):
    subscriptions, told = histories(stripe, portal, events=60, seed=1)
    run = stripe.deliver_all(f"http://127.0.0.1:{port}{WEBHOOK}", told, host="localhost", at_once=4)
    assert Counter(one.status for one in run.deliveries) == {200: len(told)}
    assert waiting() >= len(told)
    looks = len(stripe.requests)
    with public_scope():
        inbox.apply_waiting(timedelta(0))
        assert waiting() == 0
        for one in subscriptions:
            row = Subscription.objects.select_related("tenant__plan").get(pk=one.pk)
            assert says(row) | expected(stripe, row) == says(row)
    asked = [one for one in stripe.requests[looks:] if one.path == "/v1/subscriptions"]
    assert len(asked) <= 3 * len(subscriptions), "one look does for all of a customer that waits"


def test_without_the_broker_all_is_kept(stripe, portal, tmp_path):
    _subscriptions, told = histories(stripe, portal, events=40, seed=2)
    port = free_port()
    nowhere = {"BROKER_URL": "redis://127.0.0.1:1/0"}
    with web(port, tmp_path / "web", **environment(stripe), **nowhere):
        url = f"http://127.0.0.1:{port}{WEBHOOK}"
        run = stripe.deliver_all(url, told[:40], host="localhost", at_once=4)
    assert Counter(one.status for one in run.deliveries) == {200: 40}
    slowest = max(one.seconds for one in run.deliveries)
    print(f"slowest answer {slowest:.2f} s")
    assert slowest < 10
    with public_scope():
        inbox.apply_waiting(timedelta(0))
    assert waiting() == 0
