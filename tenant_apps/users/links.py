"""Links that are mailed to people: signed for the tenant, of one use, void after a while.

Nothing secret is stored: the outbox makes the link when it sends it, and again if it must.
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.core import signing
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from shared_apps.tenants.links import tenant_salt

from .models import User


class LinkInvalid(ValueError):
    """A link is forged, too old, used, another tenant's, or of what has changed since."""

    def __str__(self) -> str:
        return _("This link is not valid: it is too old, was used, or was made for another portal.")


def state_of(user: User) -> str:
    """Return a digest of what the person's links depend on: a change of it voids them all."""
    state = f"{user.password}:{user.email}:{user.token_version}"
    return salted_hmac(tenant_salt("link-state"), state, algorithm="sha256").hexdigest()[:32]


def make_token(purpose: str, user: User, *more: str) -> str:
    """Return a token for ``user`` as they are now; ``more`` travels along, readable."""
    return signing.dumps([str(user.pk), state_of(user), *more], salt=tenant_salt(purpose))


def read_token(purpose: str, token: str, *, max_age: timedelta) -> tuple[User, list[Any]]:
    """Return the person of ``token``, unchanged since it was made, and what travelled along.

    Raises:
        LinkInvalid: the token is not good here, or not any more.

    """
    try:
        pk, state, *more = signing.loads(token, salt=tenant_salt(purpose), max_age=max_age)
    except signing.BadSignature:
        # Nobody's is asked for like anybody's: nothing can be told from how long it takes.
        pk, state, more = str(uuid4()), "", []
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None or state_of(user) != state:
        raise LinkInvalid
    return user, more
