"""What Stripe says of a subscription, and what becomes of the portal."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from queue import SimpleQueue
from threading import Event

import time_machine
from django.db import connection, transaction

from billing import dunning
from billing import stripe_gateway as gateway
from billing.applying import compare
from billing.models import (
    Dunning,
    Notice,
    PlanPrice,
    Subscription,
    SubscriptionStatus,
)
from shared_apps.plans.models import Plan
from shared_apps.tenants.models import Tenant, TenantStatus
from shared_apps.tenants.scope import public_scope
from tenant_apps.integrations.models import OutboxEntry
from tests.billing.paying import apply_all, inside, send, status_of
from tests.stack.running import until


def test_a_subscription_bought_after_another_went_unpaid_begins_anew(begun, in_public, stripe):
    dunning.payment_failed(begun)
    dunning.suspend(Subscription.objects.select_related("tenant", "plan").get(pk=begun.pk))
    client = stripe.client()
    client.v1.subscriptions.cancel(begun.stripe_subscription)
    price = PlanPrice.objects.get(plan__code="team", interval="month", is_current=True)
    stripe.give_card(begun.stripe_customer)
    client.v1.subscriptions.create(
        {"customer": begun.stripe_customer, "items": [{"price": price.stripe_price}]}
    )
    stripe.let_payments_fail(begun.stripe_customer)
    stripe.advance(timedelta(days=32))
    compare(begun)
    begun.refresh_from_db()
    assert (begun.dunning, status_of(begun)) == (Dunning.PAST_DUE, TenantStatus.PAST_DUE)


def test_a_payment_that_fails_and_one_that_comes(begun, in_public, stripe):
    stripe.give_card(begun.stripe_customer, "pm_card_chargeCustomerFail")
    stripe.advance(timedelta(days=15))
    compare(begun)
    begun.refresh_from_db()
    assert (begun.status, begun.dunning) == (SubscriptionStatus.PAST_DUE, Dunning.PAST_DUE)
    assert status_of(begun) == TenantStatus.PAST_DUE
    stripe.give_card(begun.stripe_customer)
    stripe.pay(stripe.object(begun.stripe_subscription)["latest_invoice"])
    for _ in range(2):
        compare(begun)
    begun.refresh_from_db()
    assert (begun.status, begun.dunning) == (SubscriptionStatus.ACTIVE, Dunning.NONE)
    assert status_of(begun) == TenantStatus.ACTIVE
    kinds = Notice.objects.filter(subscription=begun).values_list("kind", flat=True)
    assert sorted(kinds) == ["paid", "payment_failed"]


def test_a_trial_without_a_card_ends_in_the_free_plan(begun, in_public, stripe):
    stripe.advance(timedelta(days=15))
    compare(begun)
    begun.refresh_from_db()
    assert (begun.status, begun.plan.code) == (SubscriptionStatus.CANCELED, "free")
    assert Tenant.objects.get(pk=begun.tenant_id).plan.code == "free"
    assert status_of(begun) == TenantStatus.ACTIVE


def test_stripes_reminder_of_a_trial_and_ours_are_one_mail_with_its_end(begun, in_public, stripe):
    stripe.advance(timedelta(days=11, hours=1))
    reminder = stripe.events("customer.subscription.trial_will_end")[-1]
    assert reminder["data"]["object"]["customer"] == begun.stripe_customer
    send(reminder)
    apply_all()
    with inside(begun):
        [entry] = OutboxEntry.objects.filter(kind="billing.notice")
    with time_machine.travel(begun.trial_ends_at - timedelta(days=2)):
        dunning.advance()
    with inside(begun):
        assert OutboxEntry.objects.filter(kind="billing.notice").count() == 1
    assert entry.payload["kind"] == "trial_ending"
    assert datetime.fromisoformat(entry.payload["until"]) == begun.trial_ends_at


def test_an_operators_suspension_is_not_undone_by_paying(begun, in_public, stripe):
    begun.tenant.move_to(TenantStatus.SUSPENDED)
    compare(begun)
    assert status_of(begun) == TenantStatus.SUSPENDED


def test_a_look_that_began_earlier_is_not_written_over_a_later_one(begun, in_public, stripe):
    found = gateway.subscriptions_of

    def slow(customer: str):
        earlier = found(customer)
        stripe.give_card(begun.stripe_customer)
        stripe.advance(timedelta(days=15))
        gateway.subscriptions_of = found
        compare(begun)
        return earlier

    gateway.subscriptions_of = slow
    try:
        compare(begun)
    finally:
        gateway.subscriptions_of = found
    begun.refresh_from_db()
    assert begun.status == SubscriptionStatus.ACTIVE


def test_a_look_that_waited_for_another_knows_what_that_one_did(begun, in_public, stripe):
    found, asked, go_on = gateway.subscriptions_of, Event(), Event()
    backend: SimpleQueue[tuple[int]] = SimpleQueue()

    def slow(customer: str):
        answer = found(customer)
        asked.set()
        assert go_on.wait(10)
        return answer

    def look() -> None:
        with public_scope(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backend.put(cursor.fetchone())
            compare(begun)
        connection.close()

    gateway.subscriptions_of = slow
    try:
        with ThreadPoolExecutor(1) as thread:
            looking = thread.submit(look)
            assert asked.wait(10)
            with transaction.atomic():
                dunning.payment_failed(Subscription.objects.locked(begun.pk).get())
                go_on.set()
                until(partial(is_waiting, backend.get()))
            looking.result()
    finally:
        gateway.subscriptions_of = found
    begun.refresh_from_db()
    assert (begun.dunning, status_of(begun)) == (Dunning.NONE, TenantStatus.ACTIVE)


def is_waiting(backend: tuple[int]) -> bool:
    """Tell whether it waits for what another one has locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_blocking_pids(%s) <> '{}'", backend)
        return cursor.fetchone() == (True,)


def test_an_ended_subscription_takes_nothing_from_who_has_another_plan(begun, in_public, stripe):
    stripe.advance(timedelta(days=15))
    assert gateway.subscriptions_of(begun.stripe_customer)[0].status == "canceled"
    business = Plan.objects.get(code="business")
    begun.change(stripe_subscription="", status=SubscriptionStatus.ACTIVE, plan=business)
    compare(begun)
    begun.refresh_from_db()
    assert (begun.plan.code, begun.stripe_subscription) == ("business", "")
