"""The end of a portal that nobody paid for: closed by the clock, then cancelled at Stripe.

In this order: a subscription that was cancelled means the free plan, and Stripe's event of it would
open a portal again that is only closing.
"""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from shared_apps.tenants.models import TenantStatus

from . import stripe_gateway as stripe
from .applying import compare
from .models import Dunning, Subscription, SubscriptionStatus

log = structlog.get_logger(__name__)

_AT_ONCE = 200


def end_unpaid() -> None:
    """Close what time asks for, and have Stripe charge nobody for what is closed.

    Runs in the public scope and outside a transaction, as often as you like. What Stripe cannot be
    asked about is left for the next time.
    """
    due = models.Q(
        dunning=Dunning.CLOSING,
        dunning_since__lt=timezone.now() - settings.DUNNING_CLOSING,
        tenant__status=TenantStatus.CLOSING,
    )
    for subscription in _found(due):
        _try(lambda one: _close(one, due), subscription)
    charged = models.Q(tenant__status=TenantStatus.CLOSED) & ~models.Q(stripe_subscription="")
    for subscription in _found(charged & ~models.Q(status=SubscriptionStatus.CANCELED)):
        _try(_cancel, subscription)


def _found(due: models.Q) -> models.QuerySet[Subscription]:
    return Subscription.objects.select_related("tenant", "plan").filter(due)[:_AT_ONCE]


def _close(subscription: Subscription, due: models.Q) -> None:
    """Close it, for good, unless Stripe says that it was paid after all."""
    compare(subscription)
    with transaction.atomic():
        for locked in Subscription.objects.filter(due).locked(subscription.pk):
            locked.tenant.move_to(TenantStatus.CLOSED)
            log.info("closed_unpaid", tenant_id=str(locked.tenant_id))


def _cancel(subscription: Subscription) -> None:
    stripe.cancel(subscription.stripe_subscription)
    subscription.change(status=SubscriptionStatus.CANCELED)


def _try(work: Callable[[Subscription], object], subscription: Subscription) -> None:
    try:
        work(subscription)
    except Exception:
        # One tenant's trouble must not hold up the others.
        log.exception("not_ended", subscription=str(subscription.pk))
