"""A portal that nobody paid for is closed in the end, and nobody is charged for it any more."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from billing import dunning, ending
from billing.applying import compare
from billing.models import SubscriptionStatus
from billing.tasks import dun
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.models import TenantStatus
from shared_apps.tenants.provisioning.replay import close_tenants
from shared_apps.tenants.scope import public_scope
from shared_apps.tenants.subdomains import is_taken
from tests.api import Api
from tests.billing.paying import again, host_of


@pytest.fixture
def closing(paying, stripe):
    """A portal that is closing because its card fails, and at Stripe past due."""
    stripe.give_card(paying.stripe_customer, "pm_card_chargeCustomerFail")
    stripe.advance(timedelta(days=31))
    with public_scope():
        compare(paying)
        for step in (dunning.suspend, dunning.close):
            step(again(paying))
    assert again(paying).tenant.status == TenantStatus.CLOSING
    assert stripe.object(paying.stripe_subscription)["status"] == "past_due"
    return paying


def status_of(subscription) -> str:
    return str(again(subscription).tenant.status)


def after(days: timedelta) -> None:
    """Do what the clock asks for so much later."""
    with time_machine.travel(timezone.now() + days), public_scope():
        dun()


def test_it_is_closed_when_its_time_is_over_and_cancelled_at_stripe(closing, stripe):
    host = host_of(closing)
    after(dunning.CLOSING - timedelta(hours=1))
    assert status_of(closing) == TenantStatus.CLOSING
    after(dunning.CLOSING + timedelta(hours=1))
    assert status_of(closing) == TenantStatus.CLOSED
    assert stripe.object(closing.stripe_subscription)["status"] == "canceled"
    assert again(closing).status == SubscriptionStatus.CANCELED
    domain_map.clear()
    assert Api(host).get("/").status_code == 404
    assert close_tenants() == 1
    assert again(closing).tenant.dropped_at is not None
    with public_scope():
        assert is_taken(host.partition(".")[0])
        compare(again(closing))  # Stripe tells of the cancellation
    assert status_of(closing) == TenantStatus.CLOSED


def test_it_stays_open_if_it_was_paid_and_nobody_had_heard_of_it(closing, stripe):
    stripe.give_card(closing.stripe_customer)
    stripe.pay(stripe.object(closing.stripe_subscription)["latest_invoice"])
    after(dunning.CLOSING + timedelta(hours=1))
    assert status_of(closing) == TenantStatus.ACTIVE
    assert stripe.object(closing.stripe_subscription)["status"] == "active"


def test_where_stripe_cannot_be_asked_nothing_is_closed(closing, stripe):
    stripe.fail(500, times=None)
    after(dunning.CLOSING + timedelta(hours=1))
    assert status_of(closing) == TenantStatus.CLOSING
    stripe.heal()
    after(dunning.CLOSING + timedelta(hours=1))
    assert status_of(closing) == TenantStatus.CLOSED


@pytest.mark.parametrize("took_place", [False, True])
def test_what_stripe_did_not_answer_is_cancelled_the_next_time(closing, stripe, took_place):
    stripe.fail(500, times=None, method="DELETE", after=took_place)
    after(dunning.CLOSING + timedelta(hours=1))
    assert status_of(closing) == TenantStatus.CLOSED
    assert again(closing).status == SubscriptionStatus.PAST_DUE
    stripe.heal()
    with public_scope():
        ending.end_unpaid()
    assert stripe.object(closing.stripe_subscription)["status"] == "canceled"
    assert again(closing).status == SubscriptionStatus.CANCELED


def test_what_an_operator_is_closing_is_left_to_the_operator(paying, stripe):
    with public_scope():
        again(paying).tenant.move_to(TenantStatus.CLOSING)
    after(dunning.CLOSING * 2)
    assert status_of(paying) == TenantStatus.CLOSING
    assert stripe.object(paying.stripe_subscription)["status"] == "active"
