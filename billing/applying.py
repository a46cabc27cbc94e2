"""What Stripe says of a subscription becomes ours: asked for anew each time, in any order.

An event is only the reason to look. Each look takes a number before it begins, and is written,
under the row's lock, only if none that began later was: so no transaction waits for Stripe, and
nothing older is written over something newer.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import transaction

from shared_apps.plans.catalogue import FREE
from shared_apps.plans.models import Plan
from shared_apps.tenants.failpoints import failpoint

from . import dunning
from . import stripe_gateway as stripe
from .models import PlanPrice, Subscription, SubscriptionStatus
from .remote import RemoteSubscription

log = structlog.get_logger(__name__)

# What can still be paid; of several the oldest counts.
_LIVE = ("trialing", "active", "past_due", "unpaid", "paused", "incomplete")


def compare(subscription: Subscription) -> Subscription:
    """Write what Stripe says of a tenant's subscription now; return it as it is then.

    Call it in the public scope and outside a transaction.

    Raises:
        StripeUnavailable, StripeRefused: as their texts say; nothing was changed.

    """
    number, began = subscription.begin_look()
    found = stripe.subscriptions_of(subscription.stripe_customer)
    failpoint("billing.after_asking")
    with transaction.atomic():
        locked = Subscription.objects.locked(subscription.pk).get()
        if number > locked.looked:
            locked.change(looked=number, looked_at=began)
            if (remote := counting(found, locked.stripe_subscription)) is not None:
                _write(locked, remote)
    return locked


def counting(found: Sequence[RemoteSubscription], known: str) -> RemoteSubscription | None:
    """Return the subscription of several that counts; None if there is none.

    A live one before an ended one, the one we know before others; else the oldest live one, or
    the one that was made last.
    """
    live = [one for one in found if one.status in _LIVE]
    by_age = sorted(live, key=_created) or sorted(found, key=_created, reverse=True)
    if len(live) > 1:
        log.error("several_subscriptions", customer=live[0].customer, count=len(live))
    return next((one for one in by_age if one.id == known), by_age[0] if by_age else None)


def _created(remote: RemoteSubscription) -> datetime:
    return remote.created


def _write(ours: Subscription, remote: RemoteSubscription) -> None:
    """Write what Stripe has; move the portal's plan and status with it."""
    price = PlanPrice.objects.select_related("plan").filter(stripe_price=remote.price).first()
    if price is None:
        log.error("unknown_price", price=remote.price, subscription=remote.id)
    has_ended = remote.status in ("canceled", "incomplete_expired")
    is_another = remote.id != ours.stripe_subscription
    if has_ended and is_another and not _is_beginning(ours):
        return  # an old one
    ours.change(
        stripe_subscription=remote.id,
        status=SubscriptionStatus.CANCELED if has_ended else remote.status,
        trial_ends_at=remote.trial_ends_at,
        period_ends_at=remote.period_ends_at,
        cancels_at_period_end=remote.cancels_at_period_end and not has_ended,
    )
    if price is not None and remote.status in ("trialing", "active", "past_due"):
        _give(ours, price.plan, price.interval)
    match remote.status:
        case "trialing" | "active":
            dunning.paid(ours)
        case "past_due":
            if is_another:
                dunning.paid(ours)  # it was paid for once: what was done for the last one is over
            dunning.payment_failed(ours)
        case "unpaid":
            dunning.suspend(ours)
        case "canceled" if remote.reason == "payment_failed":
            dunning.suspend(ours)
        case "canceled" | "incomplete_expired" | "paused":
            _give(ours, Plan.objects.get(code=FREE), ours.interval)
            dunning.paid(ours)


def _is_beginning(ours: Subscription) -> bool:
    return not ours.stripe_subscription and ours.status == SubscriptionStatus.TRIALING


def _give(ours: Subscription, plan: Plan, interval: str) -> None:
    """Let the tenant have a plan from the next request on."""
    if ours.plan_id != plan.pk or ours.interval != interval:
        ours.change(plan=plan, interval=interval)
    if ours.tenant.plan_id != plan.pk:
        ours.tenant.change(plan=plan)
