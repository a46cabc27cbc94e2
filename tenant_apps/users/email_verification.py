"""Confirming that an address belongs to the person: a signed link, bound to the tenant."""

from datetime import timedelta

from django.core import signing
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from shared_apps.tenants.links import portal_url, tenant_salt
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry

from .links import LinkInvalid
from .mailing import send_mail
from .models import User

LIFETIME = timedelta(days=3)


def request_confirmation(user: User) -> None:
    """Queue the mail with the link, in the caller's transaction."""
    outbox.enqueue("users.confirm_email", {"user": str(user.pk)})


def send(entry: OutboxEntry) -> None:
    """Send the mail that an outbox entry asks for."""
    user = User.objects.filter(pk=entry.payload["user"], email_verified_at=None).first()
    if user is None:
        return
    token = signing.dumps([str(user.pk), user.email], salt=tenant_salt("confirm-email"))
    send_mail(
        to=user.email,
        subject=_("Please confirm your e-mail address"),
        template="users/confirm_email",
        context={"link": portal_url(reverse("confirm-email", args=[token])), "user": user},
        message_id=str(entry.pk),
    )


def confirm(token: str) -> User:
    """Mark the address that ``token`` names as confirmed.

    Raises:
        LinkInvalid: the token is not good here.

    """
    try:
        user_id, email = signing.loads(token, salt=tenant_salt("confirm-email"), max_age=LIFETIME)
    except signing.BadSignature as error:
        raise LinkInvalid from error
    user = User.objects.filter(pk=user_id, email=email, is_active=True).first()
    if user is None:
        raise LinkInvalid
    user.mark_email_verified()
    return user
