"""Ending other people's logins."""

from django.utils.translation import gettext as _

from ..models import User
from ..roles.giving import BeyondReach


def end_logins_of(*, acting: User, user: User) -> None:
    """End every login of ``user``, in browsers too, from their next request on.

    Raises:
        BeyondReach: ``user`` outranks ``acting``.

    """
    if user.outranks(acting):
        raise BeyondReach(_("%(person)s outranks you.") % {"person": user})
    user.revoke_tokens()
