"""Handing a portal over: somebody else becomes owner, and who was it becomes admin."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from ..models import Role, User
from .giving import BeyondReach, check_owner_stays, lock_memberships


def is_owner(user: Any) -> bool:
    """Tell whether ``user`` has the owner's role; no other role can stand in for it.

    Read once an instance.
    """
    if not hasattr(user, "_is_owner"):
        user._is_owner = Role.objects.filter(code="owner", user=user.pk).exists()
    found: bool = user._is_owner
    return found


def make_owner(*, acting: User, user: User) -> None:
    """Make ``user`` owner in the place of ``acting``, who becomes admin; logins of both end.

    Raises:
        BeyondReach: ``acting`` is no owner, or ``user`` is themselves, deactivated or a service
            account.

    """
    with transaction.atomic():
        lock_memberships(acting, user)
        # The admin's page locks the owners' rows: whoever is deactivated there meanwhile is seen.
        for person in (acting, user):
            User.objects.select_for_update().get(pk=person.pk)
        owner, admin = (Role.objects.get(code=code) for code in ("owner", "admin"))
        if not acting.groups.filter(pk=owner.pk).exists():
            raise BeyondReach(_("Only an owner gives ownership away."))
        if user.pk == acting.pk:
            raise BeyondReach(_("You are the owner."))
        if not User.objects.filter(pk=user.pk, is_active=True).exists():
            raise BeyondReach(_("%(person)s is deactivated.") % {"person": user})
        if user.is_service:
            raise BeyondReach(_("No service account is an owner."))
        user.groups.add(owner.pk)
        acting.groups.remove(owner.pk)
        acting.groups.add(admin.pk)
        check_owner_stays()
        for person in (acting, user):
            person.revoke_tokens()
