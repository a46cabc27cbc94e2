"""Mails about paying: each once, in the transaction of what it tells of, by the outbox."""

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry

from .models import Notice, Subscription


def notify(subscription: Subscription, kind: str, about: str) -> None:
    """Have the owner told after the commit, unless they were told the same before.

    ``about`` is what makes it another mail than the last of its kind.
    """
    _notice, is_new = Notice.objects.get_or_create(
        subscription=subscription, kind=kind, about=about
    )
    if is_new:
        payload = {"kind": kind, "plan": subscription.plan.name}
        with tenant_scope(subscription.tenant.snapshot()):
            outbox.enqueue("billing.notice", payload)


def send(entry: OutboxEntry) -> None:
    """Deliver such a mail."""
    raise NotImplementedError
