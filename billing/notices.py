"""Mails about paying: each once, in the transaction of what it tells of, by the outbox."""

from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from shared_apps.tenants.links import BILLING_PAGE, portal_url
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.users.locale import portal_locale
from tenant_apps.users.mailing import send_mail
from tenant_apps.users.models import User

from .models import Notice, Subscription

# What a mail of each kind is about, and what it says.
TEXTS = {
    "trial_ending": (
        _("Your trial is ending"),
        _(
            "On %(until)s it ends. Without a means of payment your portal then goes on with the"
            " free plan. Nothing is deleted."
        ),
    ),
    "payment_failed": (
        _("A payment failed"),
        _(
            "Everything works until %(until)s; then your portal can only be read until it is paid"
            " for."
        ),
    ),
    "read_only": (
        _("Your portal is read-only"),
        _(
            "A payment failed and is still open: people can read your portal and change nothing."
            " On %(until)s it is suspended."
        ),
    ),
    "suspended": (
        _("Your portal is suspended"),
        _(
            "Nobody can use it until it is paid for. On %(until)s its closing begins; nothing is"
            " deleted before."
        ),
    ),
    "closing": (
        _("Your portal is being closed"),
        _(
            "It was not paid for. On %(until)s it is closed and all that is in it is deleted;"
            " paying before keeps it open."
        ),
    ),
    "paid": (_("Your portal is paid for"), _("Everything works again. Thank you.")),
}


def notify(
    subscription: Subscription, kind: str, about: str, until: datetime | None = None
) -> None:
    """Have the owner told after the commit, unless they were told the same before.

    ``about`` is what makes it another mail than the last of its kind, ``until`` when the next
    thing happens.
    """
    _notice, is_new = Notice.objects.get_or_create(
        subscription=subscription, kind=kind, about=about
    )
    if is_new:
        payload = {
            "kind": kind,
            "plan": subscription.plan.name,
            "until": until and until.isoformat(),
        }
        with tenant_scope(subscription.tenant.snapshot()):
            outbox.enqueue("billing.notice", payload)


def send(entry: OutboxEntry) -> None:
    """Send a notice to the active tenant's owners, as an outbox entry asks for."""
    subject, text = TEXTS[entry.payload["kind"]]
    until = entry.payload["until"]
    with portal_locale():
        moment = localtime(datetime.fromisoformat(until)) if until else None
        told = text % {"until": date_format(moment, "DATETIME_FORMAT") if moment else ""}
    context = {
        "subject": subject,
        "text": told,
        "plan": entry.payload["plan"],
        "link": portal_url(BILLING_PAGE),
    }
    owners = User.objects.filter(groups__role__code="owner", is_active=True)
    for number, email in enumerate(owners.order_by("pk").values_list("email", flat=True)):
        send_mail(
            to=email,
            subject=subject,
            template="billing/notice",
            context=context,
            message_id=f"{entry.pk}.{number}",
        )
