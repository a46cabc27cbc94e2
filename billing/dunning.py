"""What becomes of a portal that is not paid for, a step at a time, and back when it is.

past due: everything works for the plan's grace, then it is read-only; suspended; closing. Each
step is told to the owner once (:mod:`.notices`). Only what was done for money is undone by money:
a portal that an operator suspended stays so.
"""

from datetime import timedelta

from django.utils import timezone

from shared_apps.tenants.models import TenantStatus

from .models import Dunning, Subscription
from .notices import notify

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
    """Take the steps that time asks for."""
    raise NotImplementedError


def _step(subscription: Subscription, to: Dunning) -> None:
    subscription.change(dunning=to, dunning_since=timezone.now())


def _moment(subscription: Subscription) -> str:
    since = subscription.dunning_since
    return "" if since is None else since.isoformat()
