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
def begun(subscription) -> Subscription:
    """A portal on trial of Business at Stripe, without a card."""
    with public_scope():
        begin(subscription)
    return again(subscription)


@pytest.fixture
def on_trial(begun, stripe) -> Subscription:
    """The same with a card."""
    stripe.give_card(begun.stripe_customer)
    return begun


@pytest.fixture
def paying(on_trial, stripe) -> Subscription:
    """The same after the trial."""
    stripe.advance(timedelta(days=14, hours=2))
    with public_scope():
        return compare(on_trial)


@pytest.fixture
def in_public(stripe):
    """Run the test in the public scope; what it writes is committed."""
    with public_scope():
        yield
