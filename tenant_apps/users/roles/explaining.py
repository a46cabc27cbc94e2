"""Why somebody may do something, or what is missing: which role, which grant."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Permission
from django.utils.translation import gettext as _

from ..models import Role, User
from .matrix import cell_of
from .objects import person_grants, role_grants


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that allows it: ``kind`` is role, grant or open, ``name`` whose it is."""

    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "may this person do that to this?"; ``missing`` says what would help."""

    allowed: bool
    reasons: list[Reason] = field(default_factory=list)
    missing: str = ""


def explain(*, user: User, permission: str, obj: Any = None) -> Explanation:
    """Return why ``user`` has ``permission`` (``app.codename``), for all objects or for ``obj``.

    Raises:
        KeyError: no role may hold ``permission``.

    """
    cell = cell_of(permission)
    if not user.is_active:
        return Explanation(False, missing=_("%(person)s is deactivated.") % {"person": user})
    reasons = [*_roles(user, permission)]
    for target in _chain(obj, permission):
        reasons += _grants(user, permission, target)
    if obj is not None and permission == f"{obj._meta.app_label}.view_{obj._meta.model_name}":
        # Lists and pages ask this verb, which knows of settings and owners, too.
        visible = type(obj)._default_manager.visible_to(user).filter(pk=obj.pk).exists()
        if reasons and not visible:
            hidden = _("%(obj)s is not on sale: only those who may change it see it.")
            return Explanation(False, missing=hidden % {"obj": obj})
        if visible and not reasons:
            text = _("%(obj)s is open to them, or their own, or theirs to change.")
            reasons.append(Reason("open", str(user), text % {"obj": obj}))
    if reasons:
        return Explanation(True, reasons)
    missing = _("None of their roles holds it (%(what)s). Give them one that does.")
    if obj is not None:
        missing = _("No role of theirs holds it (%(what)s). Give one that does, or grant %(obj)s.")
    return Explanation(False, missing=missing % {"what": cell.label, "obj": obj})


def _roles(user: User, permission: str) -> list[Reason]:
    app, codename = permission.split(".")
    holding = Permission.objects.filter(content_type__app_label=app, codename=codename)
    roles = Role.objects.filter(user=user, permissions__in=holding).order_by("-rank", "name")
    text = _("The role %(role)s holds it.")
    return [Reason("role", role.name, text % {"role": role.name}) for role in roles]


def _chain(obj: Any, permission: str) -> list[Any]:
    """Return the objects on which a grant counts: itself, and what contains it."""
    if obj is None:
        return []
    container = getattr(obj, "grants_come_from", None)
    return [obj, *([container] if container is not None else [])]


def _grants(user: User, permission: str, target: Any) -> list[Reason]:
    codename = permission.partition(".")[2]
    codename = _on(codename, target._meta.model_name)
    given = {"content_object": target, "permission__codename": codename}
    named = {"kind": target._meta.verbose_name, "obj": target}
    reasons = []
    if person_grants(target).filter(user=user, **given).exists():
        text = _("Granted to %(name)s on the %(kind)s %(obj)s.")
        reasons.append(Reason("grant", str(user), text % {"name": user, **named}))
    text = _("Granted to the role %(name)s on the %(kind)s %(obj)s.")
    groups = role_grants(target).filter(group__user=user, **given)
    for name in groups.values_list("group__name", flat=True):
        reasons.append(Reason("grant", name, text % {"name": name, **named}))
    return reasons


def _on(codename: str, kind: str) -> str:
    """Return the codename as it is granted on a container: ``view_category`` shows products."""
    return f"{codename.partition('_')[0]}_{kind}"
