"""Ending other people's logins."""

from ..models import User
from ..roles.giving import BeyondReach


def end_logins_of(*, acting: User, user: User) -> None:
    """End every login of ``user``, in browsers too, from their next request on.

    Raises:
        BeyondReach: ``user`` outranks ``acting``.

    """
    if user.outranks(acting):
        raise BeyondReach(f"{user} outranks you.")
    user.revoke_tokens()
