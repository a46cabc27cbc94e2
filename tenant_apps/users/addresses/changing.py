"""A new address for a person: by a link that is mailed to it; the old one is told.

Whether the new address is another's is asked when the mail is sent and when the link is used,
never by the request: nobody learns from it who is there.
"""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from shared_apps.tenants.links import portal_url
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry

from ..links import LinkInvalid, make_token, read_token, state_of
from ..mailing import send_mail
from ..models import User

LIFETIME = timedelta(days=1)
_PURPOSE = "new-email"


def request_change(*, user: User, email: str) -> None:
    """Queue a link for the new address and a notice for the old one."""
    address = email.strip().lower()
    with transaction.atomic():
        link = {"user": str(user.pk), "email": address, "state": state_of(user)}
        outbox.enqueue("users.new_email", link)
        notice = {"user": str(user.pk), "old": user.email, "new": address}
        outbox.enqueue("users.new_email_notice", notice)


def send_link(entry: OutboxEntry) -> None:
    """Mail the link, unless the address is another's or the person has changed since."""
    email = entry.payload["email"]
    user = User.objects.filter(pk=entry.payload["user"], is_active=True).first()
    if user is None or state_of(user) != entry.payload["state"]:
        return
    if User.objects.filter(email=email).exists():
        return
    link = reverse("confirm-new-email", args=[make_token(_PURPOSE, user, email)])
    send_mail(
        to=email,
        subject=_("Please confirm your new e-mail address"),
        template="users/new_email",
        context={"link": portal_url(link), "user": user, "email": email},
        message_id=str(entry.pk),
    )


def send_notice(entry: OutboxEntry) -> None:
    """Tell the old address that another was asked for."""
    send_mail(
        to=entry.payload["old"],
        subject=_("Your e-mail address is being changed"),
        template="users/new_email_notice",
        context={
            "old": entry.payload["old"],
            "new": entry.payload["new"],
            "link": portal_url(reverse("admin_password_reset")),
        },
        message_id=str(entry.pk),
    )


def change_of(token: str) -> tuple[User, str]:
    """Return the person of ``token`` and the address it confirms.

    Raises:
        LinkInvalid: it is unknown, expired or used, or the person has changed since.

    """
    user, more = read_token(_PURPOSE, token, max_age=LIFETIME)
    return user, str(more[0])


def confirm_change(token: str) -> str:
    """Give the person of ``token`` their new address, confirmed, and return it.

    Access tokens, which carry the address, are void; their logins go on.

    Raises:
        LinkInvalid: as :func:`change_of`, or the address is another's by now.

    """
    try:
        with transaction.atomic():
            user, email = change_of(token)
            # The version makes it work once, even if the address is changed back.
            new = {"email": email, "email_verified_at": Now()}
            if not user.change_credentials(**new, token_version=F("token_version") + 1):
                raise LinkInvalid
    except IntegrityError as error:
        raise LinkInvalid from error
    return email
