from collections.abc import Iterator

import pytest

from billing.models import PlanPrice, Reconciled, StripeEvent, Subscription
from billing.syncing import sync_plans
from shared_apps.plans.catalogue import load_plans
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.provisioning.pool import fill
from shared_apps.tenants.scope import public_scope
from tests.stripe_server import API_KEY, WEBHOOK_SECRET, StripeServer


@pytest.fixture
def stripe(committed, settings) -> Iterator[StripeServer]:
    """Stripe, with the plans pushed to it; what is written is committed."""
    with StripeServer() as running:
        settings.STRIPE_API_URL = running.url
        settings.STRIPE_SECRET_KEY = API_KEY
        settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
        with public_scope():
            # Each of these servers counts its ids from the start.
            Subscription.objects.update(stripe_customer="", stripe_subscription="")
            for model in (PlanPrice, StripeEvent, Reconciled):
                model.objects.all().delete()
            load_plans()
            sync_plans()
        fill(3)
        yield running
    domain_map.clear()


@pytest.fixture
def subscription(stripe, portal) -> Subscription:
    """A portal's subscription, as its sign-up left it."""
    tenant = portal()
    with public_scope():
        return Subscription.objects.select_related("tenant", "plan").get(tenant=tenant.id)
