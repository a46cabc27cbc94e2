from datetime import timedelta

import pytest

from billing.applying import compare
from billing.beginning import begin
from billing.models import Subscription
from shared_apps.tenants.scope import public_scope
from tests.billing.paying import again


@pytest.fixture
def subscription(stripe, portal) -> Subscription:
    """A portal's subscription, as its sign-up left it."""
    tenant = portal()
    with public_scope():
        return Subscription.objects.select_related("tenant", "plan").get(tenant=tenant.id)


@pytest.fixture
def on_trial(subscription, stripe) -> Subscription:
    """A portal on trial of Business at Stripe, with a card."""
    with public_scope():
        begin(subscription)
    begun = again(subscription)
    stripe.give_card(begun.stripe_customer)
    return begun


@pytest.fixture
def paying(on_trial, stripe) -> Subscription:
    """The same after the trial."""
    stripe.advance(timedelta(days=14, hours=2))
    with public_scope():
        return compare(on_trial)


@pytest.fixture
def public(stripe):
    with public_scope():
        yield


@pytest.fixture
def begun(subscription) -> Subscription:
    """A portal on trial at Stripe, whose customer has a card."""
    with public_scope():
        begin(subscription)
        subscription.refresh_from_db()
    return subscription
