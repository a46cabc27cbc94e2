"""What becomes of a portal that is not paid for, a step at a time, and back when it is.

past due: everything works for the plan's grace, then it is read-only; suspended; closing; the end
is in :mod:`.ending`. Each step is told to the owner once (:mod:`.notices`), with when the next one
comes. Only what was done for money is undone by money: a portal that an operator suspended stays
so.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import models, transaction
from django.db.models.expressions import Combinable
from django.utils import timezone

from shared_apps.plans.catalogue import FREE
from shared_apps.plans.models import Plan
from shared_apps.tenants.models import TenantStatus

from .models import Dunning, Notice, Subscription, SubscriptionStatus
from .notices import notify

log = structlog.get_logger(__name__)

READ_ONLY, SUSPENDED = settings.DUNNING_READ_ONLY, settings.DUNNING_SUSPENDED
CLOSING = settings.DUNNING_CLOSING
TOLD_AHEAD = timedelta(days=3)
TRIALING = SubscriptionStatus.TRIALING
_STANDING = {
    Dunning.PAST_DUE: TenantStatus.PAST_DUE,
    Dunning.SUSPENDED: TenantStatus.SUSPENDED,
    Dunning.CLOSING: TenantStatus.CLOSING,
}


def payment_failed(subscription: Subscription) -> None:
    """Begin dunning, unless it has begun: the row is locked by the caller, here and below.

    A portal that an operator opened again while it stands begins anew, with another grace.
    """
    tenant = subscription.tenant
    if tenant.status != TenantStatus.ACTIVE:
        return
    _step(subscription, Dunning.PAST_DUE)
    tenant.fall_past_due(grace=timedelta(days=subscription.plan.grace_days))
    notify(subscription, "payment_failed", _moment(subscription), until=tenant.grace_until)


def suspend(subscription: Subscription) -> None:
    """Let nobody read any more, once; the owner can still pay."""
    is_open = subscription.tenant.status in (TenantStatus.ACTIVE, TenantStatus.PAST_DUE)
    if not is_open or subscription.dunning in (Dunning.SUSPENDED, Dunning.CLOSING):
        return  # an operator opened it again
    since = _step(subscription, Dunning.SUSPENDED)
    subscription.tenant.move_to(TenantStatus.SUSPENDED)
    notify(subscription, "suspended", _moment(subscription), until=since + SUSPENDED)


def close(subscription: Subscription) -> None:
    """Announce the portal's end; paying still undoes it."""
    if subscription.dunning != Dunning.SUSPENDED:
        return
    since = _step(subscription, Dunning.CLOSING)
    subscription.tenant.move_to(TenantStatus.CLOSING)
    notify(subscription, "closing", _moment(subscription), until=since + CLOSING)


def paid(subscription: Subscription) -> None:
    """Undo what was done for want of money."""
    if not subscription.dunning:
        return
    since, tenant = _moment(subscription), subscription.tenant
    is_ours = tenant.status == _STANDING[Dunning(subscription.dunning)]
    subscription.change(dunning=Dunning.NONE, dunning_since=None)
    if is_ours:
        tenant.move_to(TenantStatus.ACTIVE, grace_until=None)
        notify(subscription, "paid", since)


def tell_of_trial(subscription: Subscription) -> None:
    """Tell the owner when the trial ends; once a trial."""
    ends, status = subscription.trial_ends_at, subscription.tenant.status
    if ends is not None and status not in (TenantStatus.CLOSING, TenantStatus.CLOSED):
        notify(subscription, "trial_ending", ends.isoformat(), until=ends)


def advance() -> None:
    """Take the steps that time asks for; runs in the public scope, as often as you like."""
    now = timezone.now()
    past_due = models.Q(dunning=Dunning.PAST_DUE, tenant__status=TenantStatus.PAST_DUE)
    read_only = past_due & models.Q(tenant__grace_until__range=(now - READ_ONLY, now))
    read_only &= _untold("read_only", since=models.OuterRef("dunning_since"))
    suspended = models.Q(dunning=Dunning.SUSPENDED, tenant__status=TenantStatus.SUSPENDED)
    trial_ends = models.Q(status=TRIALING, trial_ends_at__range=(now, now + TOLD_AHEAD))
    trial_ends &= _untold("trial_ending", since=models.OuterRef("trial_ends_at") - TOLD_AHEAD)
    steps = (
        (_tell_read_only, read_only),
        (suspend, past_due & models.Q(tenant__grace_until__lt=now - READ_ONLY)),
        (close, suspended & models.Q(dunning_since__lt=now - SUSPENDED)),
        (tell_of_trial, trial_ends),
        (_end_trial, models.Q(status=TRIALING, trial_ends_at__lt=now, stripe_subscription="")),
    )
    for step, due in steps:
        for pk in Subscription.objects.filter(due).values_list("pk", flat=True):
            try:
                with transaction.atomic():
                    # Somebody may have paid, or taken the step, by now.
                    for locked in Subscription.objects.filter(due).locked(pk):
                        step(locked)
            except Exception:
                # One portal's trouble must not hold up the others.
                log.exception("dunning_failed", subscription=str(pk))


def _untold(kind: str, since: Combinable) -> models.Q:
    """Leave out whom a mail of that kind went to: they would be locked again at each run."""
    sent = Notice.objects.filter(subscription=models.OuterRef("pk"), kind=kind, sent_at__gte=since)
    return models.Q(~models.Exists(sent))


def _tell_read_only(subscription: Subscription) -> None:
    """Tell that the grace is over; the gate knows it by itself."""
    if (grace_until := subscription.tenant.grace_until) is not None:
        moment = _moment(subscription)
        notify(subscription, "read_only", moment, until=grace_until + READ_ONLY)


def _end_trial(subscription: Subscription) -> None:
    """Let a portal that never came to subscribe go on with the free plan."""
    free = Plan.objects.get(code=FREE)
    subscription.change(status=SubscriptionStatus.ACTIVE, plan=free)
    subscription.tenant.change(plan=free)


def _step(subscription: Subscription, to: Dunning) -> datetime:
    now = timezone.now()
    subscription.change(dunning=to, dunning_since=now)
    return now


def _moment(subscription: Subscription) -> str:
    since = subscription.dunning_since
    return "" if since is None else since.isoformat()
