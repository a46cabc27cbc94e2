"""Changing one's own password: every other login ends."""

from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext as _

from ..models import User


class ChangedMeanwhile(ValueError):
    """Somebody changed the person's password or address at the same moment."""


def change_password(*, user: User, new: str, login: UUID | None) -> None:
    """Give ``user``, who has proved who they are, the password ``new``; only ``login`` goes on.

    Links that were mailed to them before are void.

    Raises:
        ChangedMeanwhile: of two changes at once this one lost.

    """
    # Slow on purpose, and so not while locks are held.
    password_hash = make_password(new)
    with transaction.atomic():
        if not user.change_credentials(password=password_hash):
            raise ChangedMeanwhile(_("Your password was changed at this moment."))
        user.end_logins(but=login)
    user.password = password_hash
