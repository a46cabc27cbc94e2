"""A new password for whoever forgot theirs: by a link that is mailed to them.

Whether an address is a person's is asked when the mail is sent, never by the request: the same
row is written for any address.
"""

from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from shared_apps.tenants.links import portal_url
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry

from ..links import LinkInvalid, make_token, read_token
from ..mailing import send_mail
from ..models import User

LIFETIME = timedelta(hours=1)
_PURPOSE = "reset-password"


def request_reset(*, email: str) -> None:
    """Queue a link for the person with this address, if there is one."""
    outbox.enqueue("users.reset_password", {"email": email.strip().lower()})


def send(entry: OutboxEntry) -> None:
    """Mail the link that an outbox entry asks for, to a person who may sign in."""
    people = User.objects.filter(is_active=True, is_service=False)
    user = people.filter(email=entry.payload["email"]).first()
    if user is None:
        return
    token = make_token(_PURPOSE, user)
    send_mail(
        to=user.email,
        subject=_("Choose a new password"),
        template="users/reset_password",
        context={"link": portal_url(reverse("reset-password", args=[token])), "user": user},
        message_id=str(entry.pk),
    )


def person_of(token: str) -> User:
    """Return whose password ``token`` may reset.

    Raises:
        LinkInvalid: it is unknown, expired, used, or the password was changed since.

    """
    user, _ = read_token(_PURPOSE, token, max_age=LIFETIME)
    return user


def reset_password(*, token: str, password: str) -> User:
    """Give the person of ``token`` a password that has passed the validators.

    Every login ends. Their address is confirmed: they read the mail.

    Raises:
        LinkInvalid: as :func:`person_of`; of two who use one link at once, one wins.

    """
    # First, and whatever the link: nothing can be told from how long it takes.
    password_hash = make_password(password)
    with transaction.atomic():
        user = person_of(token)
        if not user.change_credentials(password=password_hash):
            raise LinkInvalid
        user.mark_email_verified()
        user.revoke_tokens()
    return user
