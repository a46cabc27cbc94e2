"""From a card that fails at Stripe to the portal's end, or back: by events, pages and the clock."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from billing import dunning, ending, inbox
from billing.models import Notice
from billing.reconciling import reconcile
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.models import TenantStatus
from shared_apps.tenants.scope import no_scope, public_scope
from tests.api import Api
from tests.billing.paying import again, host_of
from tests.stripe_server import WEBHOOK_SECRET, signed

DAY = timedelta(days=1)
# How long after the card failed the portal is there, and what reading and writing are answered.
STEPS = {
    "past_due": (DAY, 200, 401),
    "read_only": (15 * DAY, 200, 402),
    "suspended": (29 * DAY, 403, 403),
    "closing": (60 * DAY, 403, 403),
}


def tell(stripe, since: int) -> int:
    """Deliver what happened at Stripe since the event of that number, as Stripe does."""
    events = stripe.events()
    for event in events[since:]:
        body, headers = signed(event, WEBHOOK_SECRET)
        with no_scope():
            client = Client(headers={"host": "localhost"})
            answer = client.post(
                "/api/stripe/webhook/", body, content_type="application/json", headers=headers
            )
        assert answer.status_code == 200
    with public_scope():
        inbox.apply_waiting(-DAY)
    return len(events)


def run_clock() -> None:
    """Do what the scheduler does."""
    with public_scope():
        dunning.advance()
        ending.end_unpaid()
    domain_map.clear()


def answers(host: str) -> tuple[int, int]:
    api = Api(host)
    return api.get("/api/products/").status_code, api.post("/api/products/", {}).status_code


@pytest.mark.parametrize("paid_at", [*STEPS, None])
def test_from_a_failed_card_to_the_end_or_back(on_trial, stripe, paid_at):
    host = host_of(on_trial)
    # The server goes on trying for weeks, and leaves it to us what becomes of the portal.
    stripe.after_retries("past_due")
    stripe.give_card(on_trial.stripe_customer, "pm_card_chargeCustomerFail")
    told = tell(stripe, 0)
    stripe.advance(timedelta(days=14, hours=2))
    # The database's clock does not travel: grace is counted from its present.
    failed = timezone.now()
    with time_machine.travel(failed, tick=False) as clock:
        told = tell(stripe, told)
        for step, (after, reads, writes) in STEPS.items():
            clock.move_to(failed + after)
            if step == "suspended":
                run_clock()
            if step == "closing":
                clock.move_to(failed + after + 2 * DAY)
            run_clock()
            assert answers(host) == (reads, writes), step
            if step == paid_at:
                break
        if paid_at is None:
            the_end(on_trial, clock, failed)
            return
        stripe.give_card(on_trial.stripe_customer)
        stripe.pay(stripe.object(again(on_trial).stripe_subscription)["latest_invoice"])
        tell(stripe, told)
        domain_map.clear()
        assert answers(host) == (200, 401), "on the next request"
        run_clock()
        kinds = sent(on_trial)
        assert kinds == [*mails_until(paid_at), "paid"]
    assert again(on_trial).tenant.status == TenantStatus.ACTIVE


def mails_until(step: str) -> list[str]:
    names = ["payment_failed", "read_only", "suspended", "closing"]
    return names[: list(STEPS).index(step) + 1]


def sent(subscription) -> list[str]:
    with public_scope():
        rows = Notice.objects.filter(subscription=subscription).exclude(kind="trial_ending")
        return [*rows.order_by("pk").values_list("kind", flat=True)]


def the_end(subscription, clock, failed) -> None:
    with public_scope():
        reconcile()
    clock.shift(settings.DUNNING_CLOSING + DAY)
    run_clock()
    assert answers(host_of(subscription)) == (404, 404)
    assert sent(subscription) == mails_until("closing")
    assert again(subscription).status == "canceled"
