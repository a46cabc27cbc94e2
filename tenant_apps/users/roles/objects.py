"""Grants on single objects: a person or a role may do something to one category, product, order.

They are django-guardian's permissions with foreign keys of their own, one pair of tables a kind
of object (``PersonGrant`` and ``RoleGrant`` are their bases), given and asked through guardian.
Lists ask :func:`granted`, since guardian's own helper casts the keys and cannot use the index.
"""

from collections.abc import Iterable
from itertools import product
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase
from guardian.shortcuts import assign_perm

from ..models import Role, User
from .giving import BeyondReach
from .matrix import cell_of

# What can be granted on, by its name in the API.
GRANT_KINDS = {label.rpartition(".")[2].lower(): label for label in settings.GRANTABLE_OBJECTS}


# The codenames that can be granted, of all kinds together.
GRANTABLE_DEEDS = sorted(
    f"{deed}_{label.rpartition('.')[2].lower()}"
    for label, some in settings.GRANTABLE_OBJECTS.items()
    for deed in some
)


class PersonGrant(UserObjectPermissionBase):
    """Base: one permission of one person on one object (``content_object``)."""

    # Without indexes of their own: the unique one begins with the person, and permissions
    # are never deleted.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, verbose_name=gettext_lazy("user")
    )
    permission = models.ForeignKey(
        Permission, models.CASCADE, db_index=False, verbose_name=gettext_lazy("permission")
    )

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True
        verbose_name = gettext_lazy("grant")
        verbose_name_plural = gettext_lazy("grants")
        default_permissions = ()

    def __str__(self) -> str:
        return _told(self.user, self)


class RoleGrant(GroupObjectPermissionBase):
    """Base: one permission of one role on one object (``content_object``)."""

    group = models.ForeignKey(
        Group, models.CASCADE, db_index=False, verbose_name=gettext_lazy("role")
    )
    permission = models.ForeignKey(
        Permission, models.CASCADE, db_index=False, verbose_name=gettext_lazy("permission")
    )

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = True
        verbose_name = gettext_lazy("grant")
        verbose_name_plural = gettext_lazy("grants")
        default_permissions = ()

    def __str__(self) -> str:
        return _told(self.group, self)


def _told(to: Any, grant: Any) -> str:
    deed = grant.permission.codename.partition("_")[0]
    return f"{to}: {deed} {grant.content_object}"


def objects_named(kind: str, keys: Iterable[Any], *, user: Any) -> list[Any]:
    """Return the objects of a kind (a key of ``GRANT_KINDS``) that ``user`` may see."""
    rows: Any = apps.get_model(GRANT_KINDS[kind])._default_manager
    return list(rows.visible_to(user).filter(pk__in=list(keys)))


def object_named(kind: str, key: Any, *, user: Any) -> Any:
    """Return one object as :func:`objects_named` does, or None."""
    return next(iter(objects_named(kind, [key], user=user)), None)


def grant_model(kind: Any, base: type[models.Model]) -> Any:
    """Return the table of grants on ``kind`` (a model or an instance) that is made of ``base``."""
    # As guardian looks for it, but without asking the database for a content type.
    tables = (relation.related_model for relation in kind._meta.related_objects)
    return next(table for table in tables if issubclass(table, base))


def person_grants(kind: Any) -> Any:
    """Return the grants to persons on objects of ``kind`` (a model or an instance)."""
    return grant_model(kind, PersonGrant)._default_manager


def role_grants(kind: Any) -> Any:
    """Return the grants to roles on objects of ``kind`` (a model or an instance)."""
    return grant_model(kind, RoleGrant)._default_manager


def grants_on(obj: Any) -> list[dict[str, Any]]:
    """Return who has what on ``obj``: permission, and person or role."""
    people = person_grants(obj).filter(content_object=obj)
    roles = role_grants(obj).filter(content_object=obj)
    return [
        *(
            {"permission": codename, "person": person, "role": None}
            for codename, person in people.values_list("permission__codename", "user")
        ),
        *(
            {"permission": codename, "person": None, "role": role}
            for codename, role in roles.values_list("permission__codename", "group__role__uuid")
        ),
    ]


def grantable_models() -> list[type[models.Model]]:
    """Return the kinds of objects on which can be granted."""
    return [apps.get_model(label) for label in GRANT_KINDS.values()]


def check_grant(acting: User, grant: Any) -> None:
    """Refuse a grant (given or taken) that is beyond the reach of ``acting``.

    Raises:
        BeyondReach: with the reason.

    """
    to = getattr(grant, "user", None) or Role.objects.get(pk=grant.group_id)
    _check_receiver(acting, to)
    one = grant.content_object
    _check_held(acting, type(one), [one], [grant.permission.codename])


def deeds(kind: type[models.Model]) -> list[str]:
    """Return the codenames that can be granted on one object of ``kind``."""
    name = kind._meta.model_name
    return [f"{deed}_{name}" for deed in settings.GRANTABLE_OBJECTS[kind._meta.label]]


def granted(kind: type[models.Model], user: Any, *codenames: str, key: str = "pk") -> models.Q:
    """Return the condition that ``user`` has one of ``codenames`` granted on the row.

    ``key`` leads from the row to the object of ``kind``: ``category`` for a product's category.
    Two probes of the unique indexes a row, whatever the number of grants.
    """
    app = kind._meta.app_label
    wanted = Permission.objects.filter(content_type__app_label=app, codename__in=codenames)
    here = {"permission__in": wanted.values("pk"), "content_object": models.OuterRef(key)}
    to_person = person_grants(kind).filter(user=user.pk, **here)
    mine = User.groups.through._default_manager.filter(user=user.pk).values("group")
    to_role = role_grants(kind).filter(group__in=mine, **here)
    return models.Q(models.Exists(to_person)) | models.Q(models.Exists(to_role))


def give_grants(
    *,
    acting: User,
    to: Iterable[User | Role],
    objects: Iterable[models.Model],
    codenames: Iterable[str],
) -> None:
    """Grant ``codenames`` on all ``objects`` (of one kind) to each of ``to``, all or none.

    Safe to repeat.

    Raises:
        BeyondReach: ``acting`` may not do that to them all, or one of ``to`` is beyond their reach.

    """
    receivers, found, wanted = list(to), list(objects), list(codenames)
    _check(acting, receivers, found, wanted)
    permissions = Permission.objects.filter(codename__in=wanted).select_related("content_type")
    with transaction.atomic():
        for receiver, permission, one in product(receivers, permissions, found):
            assign_perm(permission, receiver, one)


def take_grants(
    *,
    acting: User,
    to: Iterable[User | Role],
    objects: Iterable[models.Model],
    codenames: Iterable[str],
) -> None:
    """Take grants back, all or none; safe to repeat.

    Raises:
        BeyondReach: as :func:`give_grants`.

    """
    receivers, found, wanted = list(to), list(objects), list(codenames)
    _check(acting, receivers, found, wanted)
    with transaction.atomic():
        for receiver, kind in product(receivers, {type(one) for one in found}):
            grants = _grants_of(receiver, kind).filter(content_object__in=found)
            # The history names what each was about: fetched for all of them at once.
            given = grants.filter(permission__codename__in=wanted).fetch_mode(models.FETCH_PEERS)
            given.delete()


def _grants_of(to: User | Role, kind: type[models.Model]) -> Any:
    if isinstance(to, User):
        return person_grants(kind).filter(user=to)
    return role_grants(kind).filter(group=to.pk)


def _check(acting: User, to: list[User | Role], objects: list[Any], codenames: list[str]) -> None:
    if not objects:
        return
    kind = type(objects[0])
    if unknown := set(codenames) - set(deeds(kind)):
        why = _("This cannot be granted on one %(kind)s: %(deeds)s.")
        values = {"kind": kind._meta.verbose_name, "deeds": ", ".join(sorted(unknown))}
        raise BeyondReach(why % values)
    for receiver in to:
        _check_receiver(acting, receiver)
    _check_held(acting, kind, objects, codenames)


def _check_receiver(acting: User, to: User | Role) -> None:
    if isinstance(to, User):
        if to.pk == acting.pk or to.outranks(acting):
            why = _("You can neither give to nor take from %(person)s.")
            raise BeyondReach(why % {"person": to})
    elif to.rank >= acting.rank or to.user_set.filter(pk=acting.pk).exists():
        why = _("You can neither give to nor take from the role %(role)s.")
        raise BeyondReach(why % {"role": to})


def _check_held(acting: User, kind: Any, objects: list[Any], codenames: list[str]) -> None:
    """Refuse to give or take what ``acting`` may not do to each of ``objects`` themselves."""
    app = kind._meta.app_label
    for codename in codenames:
        if acting.has_perm(f"{app}.{codename}"):
            continue
        mine = kind._default_manager.filter(granted(kind, acting, codename))
        beyond = {one.pk for one in objects} - set(mine.values_list("pk", flat=True))
        if beyond:
            why = _("You may not do this yourself to all of them (%(what)s).")
            raise BeyondReach(why % {"what": cell_of(f"{app}.{codename}").label})
