"""A tenant's beginning at Stripe: its customer and, where its plan has one, its trial.

Delivered by the tenant's outbox, so a sign-up never waits for Stripe, and as often as it takes:
Stripe makes each thing once for a key of ours, and what was made is asked for before the next.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from shared_apps.plans.models import Plan
from shared_apps.tenants.failpoints import failpoint
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry

from . import stripe_gateway as stripe
from .applying import compare
from .models import EventState, PlanPrice, StripeEvent, Subscription, SubscriptionStatus
from .of_tenant import own_subscription


def terms(plan: Plan) -> dict[str, Any]:
    """Return how a subscription to ``plan`` begins: on trial where there is one to pay for."""
    if not (plan.trial_days and stripe.is_configured()):
        return {}
    ends = timezone.now() + timedelta(days=plan.trial_days)
    return {"status": SubscriptionStatus.TRIALING, "trial_ends_at": ends}


def enqueue() -> None:
    """Have the active tenant's customer made after the commit, where payments are taken."""
    if stripe.is_configured():
        outbox.enqueue("billing.begin", {})


def deliver(entry: OutboxEntry) -> None:
    """Deliver that entry of the active tenant's outbox."""
    with own_subscription() as subscription:
        begin(subscription)


def begin(subscription: Subscription) -> None:
    """Make what is missing of a tenant at Stripe; safe to repeat.

    Raises:
        StripeUnavailable, StripeRefused: as their texts say; what was made is kept.

    """
    customer = customer_of(subscription)
    price = PlanPrice.objects.filter(
        plan=subscription.plan, interval=subscription.interval, is_current=True
    ).first()
    ends = subscription.trial_ends_at
    if subscription.stripe_subscription or price is None or ends is None or ends <= timezone.now():
        return
    if not stripe.subscriptions_of(customer):
        tenant = str(subscription.tenant_id)
        stripe.subscribe(tenant, customer, price.stripe_price, trial_ends_at=ends)
        failpoint("billing.after_subscribing")
    compare(subscription)


def customer_of(subscription: Subscription) -> str:
    """Return the customer of a subscription's tenant, made now if there is none."""
    if subscription.stripe_customer:
        return subscription.stripe_customer
    customer = stripe.make_customer(
        str(subscription.tenant_id),
        name=subscription.tenant.name,
        email=subscription.owner_email,
    )
    failpoint("billing.after_making_the_customer")
    with transaction.atomic():
        subscription.change(stripe_customer=customer)
        # What was told of it before we knew whose it is.
        early = StripeEvent.objects.filter(customer=customer, state=EventState.PARKED)
        for event in early:
            event.replay()
    return customer
