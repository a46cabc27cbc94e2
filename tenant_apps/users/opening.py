"""Opening a portal: what a claimed schema needs before its owner can use it."""

from django.db import transaction

from .email_verification import request_confirmation
from .models import PortalSettings, User


def open_portal(*, name: str, email: str, password_hash: str, currency: str = "EUR") -> User:
    """Write the settings and make the owner, in the caller's transaction if it has one.

    ``password_hash`` is made before, outside any lock. The owner's address is asked to be
    confirmed by mail; the portal works before.
    """
    with transaction.atomic():
        PortalSettings(name=name, currency=currency).store()
        owner = User.objects.create_member(email, None, role="owner", password_hash=password_hash)
        request_confirmation(owner)
    return owner
