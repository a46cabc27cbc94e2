"""What never arrived is found: by Stripe's own list of events, and what was not begun is begun."""

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.utils import timezone

from shared_apps.tenants.models import TenantStatus

from . import inbox
from . import stripe_gateway as stripe
from .applying import compare
from .beginning import begin
from .models import Reconciled, Subscription

log = structlog.get_logger(__name__)

# Stripe keeps events for 30 days; what it dated shortly before the last look may have been
# listed after it.
_FIRST, _OVERLAP = timedelta(days=29), timedelta(hours=1)
# Sign-ups have begun by themselves by then.
_BEGUN = timedelta(minutes=10)
_COMPARED = timedelta(days=1)
_AT_ONCE = 200


def reconcile() -> int:
    """Keep the events that never came; begin and compare what is overdue; return how many were new.

    Raises:
        StripeUnavailable: the next run begins where this one did.

    """
    now = timezone.now()
    mark = Reconciled.objects.filter(pk=1).first()
    since = mark.until - _OVERLAP if mark else now - _FIRST
    new = sum(inbox.keep(*page, by_reconciling=True) for page in stripe.events_since(since))
    Reconciled.objects.update_or_create(pk=1, defaults={"until": now})
    _begin_overdue()
    _compare_overdue()
    return new


def _begin_overdue() -> None:
    """Begin at Stripe for tenants whose outbox gave up, or that are older than Stripe here."""
    living = Subscription.objects.select_related("tenant", "plan").exclude(
        tenant__status__in=[TenantStatus.CLOSING, TenantStatus.CLOSED]
    )
    overdue = living.filter(started_at__lt=timezone.now() - _BEGUN, stripe_customer="")
    for subscription in overdue.order_by("started_at")[:_AT_ONCE]:
        _try(begin, subscription)


def _compare_overdue() -> None:
    """Look at those that nobody has looked at for a day."""
    charged = Subscription.objects.exclude(stripe_subscription="")
    overdue = charged.filter(looked_at__lt=timezone.now() - _COMPARED)
    for subscription in overdue.order_by("looked_at")[:_AT_ONCE]:
        _try(compare, subscription)


def _try(work: Callable[[Subscription], object], subscription: Subscription) -> None:
    try:
        work(subscription)
    except stripe.StripeUnavailable:
        raise
    except Exception:
        # One tenant's trouble must not hold up the others.
        log.exception("not_reconciled", subscription=str(subscription.pk))
