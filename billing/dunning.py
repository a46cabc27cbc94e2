"""What becomes of a portal that is not paid for, a step at a time, and back when it is.

past due: everything works for the plan's grace, then it is read-only; suspended; closing. Each
step is told to the owner once (:mod:`.notices`). Only what was done for money is undone by money:
a portal that an operator suspended stays so.
"""

from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from shared_apps.plans.catalogue import FREE
from shared_apps.plans.models import Plan
from shared_apps.tenants.models import IllegalTransition, TenantStatus

from .models import Dunning, Subscription, SubscriptionStatus
from .notices import notify

READ_ONLY, SUSPENDED = settings.DUNNING_READ_ONLY, settings.DUNNING_SUSPENDED
TOLD_AHEAD = timedelta(days=3)
TRIALING = SubscriptionStatus.TRIALING
_AT_ONCE = 500
_STANDING = {
    Dunning.PAST_DUE: TenantStatus.PAST_DUE,
    Dunning.SUSPENDED: TenantStatus.SUSPENDED,
    Dunning.CLOSING: TenantStatus.CLOSING,
}


def payment_failed(subscription: Subscription) -> None:
    """Begin dunning, unless it has begun: the row is locked by the caller, here and below."""
    tenant = subscription.tenant
    if subscription.dunning or tenant.status != TenantStatus.ACTIVE:
        return
    _step(subscription, Dunning.PAST_DUE)
    tenant.fall_past_due(grace=timedelta(days=subscription.plan.grace_days))
    notify(subscription, "payment_failed", _moment(subscription))


def suspend(subscription: Subscription) -> None:
    """Let nobody read any more; the owner can still pay."""
    if subscription.tenant.status not in (TenantStatus.ACTIVE, TenantStatus.PAST_DUE):
        return
    _step(subscription, Dunning.SUSPENDED)
    subscription.tenant.move_to(TenantStatus.SUSPENDED)
    notify(subscription, "suspended", _moment(subscription))


def close(subscription: Subscription) -> None:
    """Announce the portal's end; paying still undoes it."""
    if subscription.dunning != Dunning.SUSPENDED:
        return
    _step(subscription, Dunning.CLOSING)
    subscription.tenant.move_to(TenantStatus.CLOSING)
    notify(subscription, "closing", _moment(subscription))


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


def advance() -> None:
    """Take the steps that time asks for; runs in the public scope, as often as you like."""
    now = timezone.now()
    past_due = models.Q(dunning=Dunning.PAST_DUE, tenant__status=TenantStatus.PAST_DUE)
    suspended = models.Q(dunning=Dunning.SUSPENDED, tenant__status=TenantStatus.SUSPENDED)
    steps = (
        (suspend, past_due & models.Q(tenant__grace_until__lt=now - READ_ONLY)),
        (close, suspended & models.Q(dunning_since__lt=now - SUSPENDED)),
        (_tell_of_trial, models.Q(status=TRIALING, trial_ends_at__range=(now, now + TOLD_AHEAD))),
        (_end_trial, models.Q(status=TRIALING, trial_ends_at__lt=now, stripe_subscription="")),
    )
    for step, due in steps:
        for pk in Subscription.objects.filter(due).values_list("pk", flat=True)[:_AT_ONCE]:
            with suppress(IllegalTransition), transaction.atomic():
                rows = Subscription.objects.select_for_update(of=("self",), skip_locked=True)
                rows = rows.select_related("tenant", "plan").filter(due, pk=pk)
                # Somebody may have paid, or taken the step, by now.
                for locked in rows:
                    step(locked)


def _tell_of_trial(subscription: Subscription) -> None:
    if subscription.trial_ends_at is not None:
        notify(subscription, "trial_ending", subscription.trial_ends_at.isoformat())


def _end_trial(subscription: Subscription) -> None:
    """Let a portal that never came to subscribe go on with the free plan."""
    free = Plan.objects.get(code=FREE)
    subscription.change(status=SubscriptionStatus.ACTIVE, plan=free)
    subscription.tenant.change(plan=free)


def _step(subscription: Subscription, to: Dunning) -> None:
    subscription.change(dunning=to, dunning_since=timezone.now())


def _moment(subscription: Subscription) -> str:
    since = subscription.dunning_since
    return "" if since is None else since.isoformat()
