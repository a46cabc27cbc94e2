"""Changing roles and memberships. Nobody gives or takes what they do not hold or outranks them.

Every function takes who is ``acting`` and refuses with a sentence for them; what it changes is
effective on the next request, since permissions are read at each.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.auth.models import Permission
from django.db import transaction
from django.utils.translation import gettext as _

from ..built_in_roles import BUILT_IN_ROLES, GRANTABLE
from ..models import Role, User
from .matrix import cell_of


class BeyondReach(ValueError):
    """Somebody wants to give or take what is not theirs to give or take."""


class LastOwner(ValueError):
    """The last owner of a portal would go."""


def held_by(user: User) -> frozenset[str]:
    """Return the permissions that ``user`` may put into a role: of what they hold, the list's."""
    return frozenset(user.get_all_permissions()) & GRANTABLE


def check_role(
    *, acting: User, role: Role | None, name: str, rank: int, permissions: Iterable[str]
) -> None:
    """Refuse a new role, or a change of ``role``, that ``acting`` may not make.

    Raises:
        BeyondReach: with the reason.

    """
    if role is not None and not role.may_be_changed_by(acting):
        raise BeyondReach(_why_untouchable(role, acting))
    if name.strip().lower() in BUILT_IN_ROLES:
        raise BeyondReach(_("This is the name of a built-in role."))
    if not 0 < rank < acting.rank:
        why = _("The rank must be below your own, %(rank)s, and above 0.")
        raise BeyondReach(why % {"rank": acting.rank})
    before = set() if role is None else codes_of(role)
    if beyond := (set(permissions) ^ before) - held_by(acting):
        names = ", ".join(sorted(_label(code) for code in beyond))
        why = _("You cannot give or take what you do not hold: %(names)s.")
        raise BeyondReach(why % {"names": names})


def create_role(
    *, acting: User, name: str, rank: int, description: str = "", permissions: Iterable[str] = ()
) -> Role:
    """Create a role of the portal's own.

    Raises:
        BeyondReach: ``acting`` may not.

    """
    chosen = frozenset(permissions)
    check_role(acting=acting, role=None, name=name, rank=rank, permissions=chosen)
    with transaction.atomic():
        role: Role = Role.objects.create(name=name, rank=rank, description=description)
        role.permissions.set(permissions_of(chosen))
    return role


def change_role(*, acting: User, role: Role, permissions: Iterable[str], **values: Any) -> Role:
    """Write ``values`` (name, rank, description) and ``permissions`` to ``role``.

    Raises:
        BeyondReach: ``acting`` may not.

    """
    chosen = frozenset(permissions)
    with transaction.atomic():
        # Locked: of two who change it at once, the second is checked against what the first made.
        here = Role.objects.select_for_update(of=["self"]).get(pk=role.pk)
        check_role(
            acting=acting,
            role=here,
            name=values.get("name", here.name),
            rank=values.get("rank", here.rank),
            permissions=chosen,
        )
        for name, value in values.items():
            setattr(here, name, value)
        here.save(update_fields=list(values)) if values else None
        here.permissions.set(permissions_of(chosen))
    return here


def delete_role(*, acting: User, role: Role) -> None:
    """Delete a role of the portal's own; its members lose it.

    Raises:
        BeyondReach: ``acting`` may not, or does not hold all that its members would lose.

    """
    check_role(acting=acting, role=role, name=role.name, rank=role.rank, permissions=())
    role.delete()


def copy_role(*, acting: User, role: Role, name: str) -> Role:
    """Create a role like ``role``, below ``acting``.

    Raises:
        BeyondReach: ``acting`` does not hold all that it holds.

    """
    return create_role(
        acting=acting,
        name=name,
        rank=min(role.rank, acting.rank - 1),
        description=role.description,
        permissions=codes_of(role),
    )


def set_roles(*, acting: User, user: User, roles: Iterable[Role]) -> None:
    """Let ``user`` have exactly ``roles``; their logins end if that is a change.

    Raises:
        BeyondReach: one given or taken is beyond the reach of ``acting``, or ``user`` is.
        LastOwner: nobody else could act as the owner.

    """
    wanted = set(roles)
    _change_roles(acting, user, lambda _held: wanted)


def _change_roles(acting: User, user: User, change: Callable[[set[Role]], set[Role]]) -> None:
    with transaction.atomic():
        lock_memberships(acting, user)
        # Read behind the lock: of two who give somebody a role each, neither takes the other's.
        before = set(Role.objects.filter(user=user))
        wanted = change(before)
        if wanted == before:
            return
        _check_membership(acting, user, given=wanted - before, taken=before - wanted)
        user.groups.set([role.pk for role in wanted])
        check_owner_stays()
        user.revoke_tokens()


def add_member(*, acting: User, role: Role, user: User) -> None:
    """Give ``user`` one role more; safe to repeat. Raises as :func:`set_roles`."""
    _change_roles(acting, user, lambda held: held | {role})


def remove_member(*, acting: User, role: Role, user: User) -> None:
    """Take one role from ``user``; safe to repeat. Raises as :func:`set_roles`."""
    _change_roles(acting, user, lambda held: held - {role})


def change_members(
    *, acting: User, role: Role, add: Iterable[User] = (), remove: Iterable[User] = ()
) -> None:
    """Give ``role`` to some and take it from others, all or none. Raises as :func:`set_roles`."""
    with transaction.atomic():
        for user in add:
            add_member(acting=acting, role=role, user=user)
        for user in remove:
            remove_member(acting=acting, role=role, user=user)


def set_active(*, acting: User, user: User, is_active: bool) -> None:
    """Let ``user`` in, or end every login and let them in no more.

    Raises:
        BeyondReach: ``user`` outranks ``acting``.
        LastOwner: nobody else could act as the owner.

    """
    with transaction.atomic():
        lock_memberships(acting, user)
        _check_person(acting, user)
        user.is_active = is_active
        user.save(update_fields=["is_active"])
        check_owner_stays()
        if not is_active:
            user.revoke_tokens()


def check_reach(*, acting: User, roles: Iterable[Role]) -> None:
    """Refuse roles that ``acting`` may neither give nor take.

    Raises:
        BeyondReach: with their names.

    """
    if beyond := set(roles) - set(Role.objects.within_reach_of(acting)):
        names = ", ".join(sorted(role.name for role in beyond))
        raise BeyondReach(_("You can neither give nor take: %(names)s.") % {"names": names})


def codes_of(role: Role) -> set[str]:
    """Return the permissions of ``role`` as ``app.codename``."""
    rows = role.permissions.select_related("content_type")
    # What was fetched along is not fetched again.
    held = getattr(role, "_prefetched_objects_cache", {}).get("permissions", rows)
    return {f"{p.content_type.app_label}.{p.codename}" for p in held}


def permissions_of(codes: Iterable[str]) -> list[Permission]:
    """Return the rows of ``codes``."""
    wanted = set(codes)
    found = Permission.objects.filter(codename__in={code.partition(".")[2] for code in wanted})
    rows = found.select_related("content_type")
    return [p for p in rows if f"{p.content_type.app_label}.{p.codename}" in wanted]


def _label(code: str) -> str:
    return cell_of(code).label if code in GRANTABLE else code


def _why_untouchable(role: Role, acting: User) -> str:
    if role.is_built_in:
        return _("Built-in roles are the same in every portal; copy it to make your own.")
    if role.rank >= acting.rank:
        why = _("The role's rank, %(rank)s, is not below your own, %(own)s.")
        return why % {"rank": role.rank, "own": acting.rank}
    return _("Nobody changes a role they are in.")


def lock_memberships(acting: User, user: User) -> None:
    """Let memberships of the portal change one after the other.

    Two owners who demote each other at once, or somebody demoted while they promote another:
    the second waits, and sees what the first did. The built-in owner role's row is the lock.
    """
    Role.objects.select_for_update(of=["self"]).get(code="owner")
    for person in (acting, user):
        vars(person).pop("_top_role", None)
        for cached in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
            vars(person).pop(cached, None)


def _check_person(acting: User, user: User) -> None:
    if user.outranks(acting):
        raise BeyondReach(_("%(person)s outranks you.") % {"person": user})


def _check_membership(acting: User, user: User, *, given: set[Role], taken: set[Role]) -> None:
    _check_person(acting, user)
    if user.is_service and any(role.code == "owner" for role in given):
        raise BeyondReach(_("No service account is an owner."))
    if given and user.pk == acting.pk:
        raise BeyondReach(_("Nobody gives themselves a role."))
    check_reach(acting=acting, roles=given | taken)


def check_owner_stays() -> None:
    """Refuse to leave a portal without an owner who may sign in.

    Raises:
        LastOwner: there would be none.

    """
    if not User.objects.filter(groups__role__code="owner", is_active=True).exists():
        raise LastOwner(_("The last owner stays: make somebody else an owner first."))
