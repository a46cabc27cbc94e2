"""Mails about paying: each once, in the transaction of what it tells of, by the outbox."""

from django.utils.translation import gettext_lazy as _

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.users.mailing import send_mail
from tenant_apps.users.models import User

from .models import Notice, Subscription

# What a mail of each kind is about, and what it says.
_TEXTS = {
    "trial_ending": (
        _("Your trial ends in three days"),
        _(
            "Without a means of payment your portal then goes on with the free plan. Nothing is"
            " deleted."
        ),
    ),
    "payment_failed": (
        _("A payment failed"),
        _(
            "Everything works for a while yet; then your portal can only be read until it is paid"
            " for."
        ),
    ),
    "suspended": (
        _("Your portal is suspended"),
        _("Nobody can use it until it is paid for. Nothing is deleted."),
    ),
    "closing": (
        _("Your portal is being closed"),
        _("It was not paid for. Paying still keeps it open."),
    ),
    "paid": (_("Your portal is paid for"), _("Everything works again. Thank you.")),
}


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
    """Send a notice to the active tenant's owners, as an outbox entry asks for."""
    subject, text = _TEXTS[entry.payload["kind"]]
    owners = User.objects.filter(groups__role__code="owner", is_active=True)
    for number, email in enumerate(owners.order_by("pk").values_list("email", flat=True)):
        send_mail(
            to=email,
            subject=subject,
            template="billing/notice",
            context={"subject": subject, "text": text, "plan": entry.payload["plan"]},
            message_id=f"{entry.pk}.{number}",
        )
