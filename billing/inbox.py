"""Stripe's events: kept first, answered at once, applied by a task in any order and often.

The signature is checked, and what is kept is one row an event. Which tenant it is about is told
by our own row of that customer, never by what the event carries; what became of it is asked of
Stripe.
"""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from shared_apps.tenants.failpoints import failpoint

from . import dunning
from . import stripe_gateway as stripe
from .applying import compare
from .models import EventState, StripeEvent, Subscription

log = structlog.get_logger(__name__)

# After so many tries that failed, here and not at Stripe, an event is parked.
MAX_ATTEMPTS = 50
_AT_ONCE = 500
# What is known: that it is about a customer's subscription or invoices is all we need to know.
KNOWN = frozenset(
    {
        *("customer.created", "customer.updated", "checkout.session.completed"),
        *("customer.subscription.created", "customer.subscription.updated"),
        *("customer.subscription.deleted", "customer.subscription.trial_will_end"),
        *("customer.subscription.paused", "customer.subscription.resumed"),
        *("invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"),
        *("invoice.payment_failed", "invoice.upcoming", "invoice.updated", "invoice.voided"),
        *("invoice.marked_uncollectible", "invoice.payment_action_required"),
    }
)
_THIN = "v2.core.event"


class NoEvent(ValueError):
    """What was sent, though signed, is not an event."""


def keep(*events: dict[str, Any], by_reconciling: bool = False) -> int:
    """Keep events and have them applied after the commit; return how many were not there before.

    Raises:
        NoEvent: one has not the form of an event; none is kept.

    """
    read = [_read(event) for event in events]
    for one in read:
        one.found_by_reconciling = by_reconciling
    with transaction.atomic():
        failpoint("billing.before_keeping")
        StripeEvent.objects.bulk_create(read, ignore_conflicts=True)
        rows = StripeEvent.objects.filter(pk__in=[one.pk for one in read])
        new = list(rows.values_list("pk", flat=True))
        transaction.on_commit(lambda: _dispatch(new), robust=True)
    return len(new)


def _dispatch(events: list[UUID]) -> None:
    from .tasks import apply_event

    failpoint("billing.after_keeping")
    for pk in events:
        apply_event.delay(str(pk))


def _read(event: dict[str, Any]) -> StripeEvent:
    try:
        if event["object"] == _THIN:
            about = event.get("related_object") or {}
            created = parse_datetime(event["created"])
            event_type, customer = event["type"].removeprefix("v1."), ""
            kind = about.get("type", "")
        else:
            about = event["data"]["object"]
            created = datetime.fromtimestamp(event["created"], UTC)
            event_type, kind = event["type"], about.get("object", "")
            customer = about.get("customer") or ""
        if kind == "customer":
            customer = about["id"]
        if not isinstance(customer, str) or created is None:
            raise NoEvent
        return StripeEvent(
            event_id=_text(event["id"]),
            type=_text(event_type),
            account=event.get("account") or event.get("context") or "",
            is_live=bool(event["livemode"]),
            created_at=created,
            object_id=_text(about.get("id") or ""),
            customer=_text(customer),
            payload=event,
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError) as error:
        raise NoEvent from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 255 or "\0" in value:
        raise NoEvent
    return value


def apply(pk: UUID) -> None:
    """Apply one event, or park it; what is applied or parked is left alone.

    Raises:
        StripeUnavailable: it stays as it is, and is tried again.

    """
    rows = StripeEvent.objects.filter(pk=pk, state=EventState.RECEIVED)
    if not rows.update(attempts=F("attempts") + 1):
        return None
    event = StripeEvent.objects.get(pk=pk)
    if event.attempts > MAX_ATTEMPTS:
        return event.park("it failed too often; the log says why")
    if why := _why_not(event):
        return event.park(why)
    try:
        subscription = _subscription(event)
        if subscription is None:
            return event.park("no tenant has this customer")
        # What happened before a look began was seen by it: one does for all that waits.
        if not subscription.is_seen(event.received_at):
            compare(subscription)
        failpoint("billing.after_comparing")
    except stripe.StripeRefused as error:
        return event.park(f"{error.code}: {error}")
    except stripe.StripeUnavailable:
        rows.filter(attempts__gt=0).update(
            attempts=F("attempts") - 1
        )  # it is not the event's fault
        raise
    if event.type == "customer.subscription.trial_will_end":
        subscription.refresh_from_db()
        with transaction.atomic():
            dunning.tell_of_trial(subscription)
    event.applied()
    return None


def apply_waiting(older_than: timedelta = timedelta(seconds=30)) -> None:
    """Apply what no task came for, for a minute: the broker was away, a worker died, Stripe was."""
    ends = monotonic() + 60
    waiting = StripeEvent.objects.waiting(timezone.now() - older_than).order_by("received_at")
    failed: list[UUID] = []
    while pks := list(waiting.exclude(pk__in=failed).values_list("pk", flat=True)[:_AT_ONCE]):
        for pk in pks:
            try:
                apply(pk)
            except stripe.StripeUnavailable:
                log.warning("event_waits", stripe_event=str(pk))
                return
            except Exception:
                # One event's trouble must not hold up the others.
                log.exception("event_failed", stripe_event=str(pk))
                failed.append(pk)
            if monotonic() > ends:
                return


def _why_not(event: StripeEvent) -> str:
    """Return why an event is not ours to apply; empty if it is."""
    if event.is_live != stripe.is_live():
        return "of the other mode, live or test"
    if event.account and event.account != stripe.account():
        return "of another account"
    if event.type not in KNOWN:
        return "of an unknown type"
    return ""


def _subscription(event: StripeEvent) -> Subscription | None:
    customer = event.customer
    if not customer:
        about = event.payload.get("related_object") or {}
        customer = stripe.customer_of(about.get("type", ""), event.object_id)
        StripeEvent.objects.filter(pk=event.pk).update(customer=customer)
    return Subscription.objects.filter(stripe_customer=customer).first() if customer else None
