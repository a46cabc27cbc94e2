"""Grants on many objects at once, in the admin.

Actions of the objects' lists, whose page asks to whom and what; a page of a role, which asks on
what.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from shared_apps.tenants.admin_confirm import confirmation, is_confirmed

from ..models import Role, User
from .choosing import objects_field, people_field
from .giving import BeyondReach
from .matrix import COLUMNS
from .objects import (
    GRANT_KINDS,
    GRANTABLE_DEEDS,
    deeds,
    give_grants,
    grantable_models,
    take_grants,
)

# Grants that are given or taken at one time: some seconds' work.
AT_ONCE = 2000
# Objects that the page names; how many more there are it says.
NAMED = 20


class GrantForm(forms.Form):
    """Which deeds on objects of ``kind``, and whose; ``acting`` gives or takes them."""

    def __init__(self, *args: Any, kind: type[Model], acting: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.acting = acting
        self.fields["people"] = people_field(_("People"))
        self.fields["roles"] = forms.ModelMultipleChoiceField(
            Role.objects.filter(rank__lt=acting.rank).exclude(user=acting),
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
            required=False,
            label=_("Roles"),
        )
        self.fields["deeds"] = forms.MultipleChoiceField(
            choices=[(name, COLUMNS[name.partition("_")[0]]) for name in deeds(kind)],
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
            label=_("May do"),
        )

    def change(self, change: Callable[..., None], objects: QuerySet[Any]) -> bool:
        """Give or take (``change``) on all ``objects`` or on none; if refused, say why."""
        to = [*self.cleaned_data["people"], *self.cleaned_data["roles"]]
        wanted = self.cleaned_data["deeds"]
        if not to:
            self.add_error(None, _("Choose at least one person or role."))
            return False
        if (grants := len(to) * len(wanted) * objects.count()) > AT_ONCE:
            why = gettext("These are %(grants)s grants; %(most)s can be changed at once.")
            self.add_error(None, why % {"grants": grants, "most": AT_ONCE})
            return False
        try:
            change(acting=self.acting, to=to, objects=objects, codenames=wanted)
        except BeyondReach as why:
            self.add_error(None, str(why))
            return False
        return True


class RoleGrantForm(forms.Form):
    """What ``acting`` grants ``role``, and on which objects."""

    def __init__(self, *args: Any, role: Role, acting: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.role, self.acting = role, acting
        for name, kind in zip(GRANT_KINDS, grantable_models(), strict=True):
            self.fields[name] = objects_field(kind, acting=acting)
        known = {name.partition("_")[0] for name in GRANTABLE_DEEDS}
        self.fields["deeds"] = forms.MultipleChoiceField(
            choices=[(deed, title) for deed, title in COLUMNS.items() if deed in known],
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
            label=_("May do"),
        )

    def clean(self) -> Any:
        """Refuse to grant nothing."""
        data = super().clean() or self.cleaned_data
        if not any(data.get(name) for name in GRANT_KINDS):
            raise forms.ValidationError(_("Choose at least one object."), code="nothing")
        return data

    def give(self) -> bool:
        """Grant each deed on each object, or nothing; if refused, say why."""
        try:
            with transaction.atomic():
                for name in GRANT_KINDS:
                    give_grants(
                        acting=self.acting,
                        to=[self.role],
                        objects=self.cleaned_data[name],
                        codenames=[f"{deed}_{name}" for deed in self.cleaned_data["deeds"]],
                    )
        except BeyondReach as why:
            self.add_error(None, str(why))
            return False
        return True


class GrantsToRole:
    """Mixin for the admin of roles: a button that leads to the page."""

    def has_grant_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Ask the role, as ``/api/grants/`` does."""
        return bool(request.user.has_perm("users.change_user"))

    @action(  # type: ignore[untyped-decorator]  # Unfold has no types
        description=_("Grant objects"), url_path="grant", icon="key", permissions=["grant"]
    )
    def grant_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask on what the role is granted what, built-in roles too; grant it."""
        role = self.get_object(request, object_id)  # type: ignore[attr-defined]  # the admin's
        if role is None:
            raise Http404
        acting: Any = request.user
        sent = request.POST if request.method == "POST" else None
        form = RoleGrantForm(sent, role=role, acting=acting)
        if form.is_valid() and form.give():
            told = gettext("%(role)s was granted it.") % {"role": role}
            self.message_user(request, told)  # type: ignore[attr-defined]  # as above
            return HttpResponseRedirect(reverse("admin:users_role_change", args=[role.pk]))
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]  # as above
            "title": gettext("Grant objects to %(role)s") % {"role": role},
            "opts": Role._meta,
            "role": role,
            "form": form,
        }
        return TemplateResponse(request, "users/roles/grant_to_role.html", context)


class GrantsMany:
    """Mixin: actions that grant on what is selected, or take grants on it back."""

    def has_grant_permission(self, request: HttpRequest) -> bool:
        """Ask the role, as ``/api/grants/`` does."""
        return bool(request.user.has_perm("users.change_user"))

    @admin.action(description=_("Grant to people and roles"), permissions=["grant"])
    def grant(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Ask to whom and what, then grant it on each."""
        question = gettext("Grant something on each of these? Choose what, and to whom.")
        done = gettext("Granted on %(count)s of them.")
        return self._change(request, queryset, give_grants, question, done)

    @admin.action(description=_("Take grants back"), permissions=["grant"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Ask from whom and what, then take it back on each."""
        question = gettext("Take grants on each of these back? Choose which, and from whom.")
        done = gettext("Taken back on %(count)s of them.")
        return self._change(request, queryset, take_grants, question, done)

    def _change(
        self,
        request: HttpRequest,
        objects: QuerySet[Any],
        change: Callable[..., None],
        question: str,
        done: str,
    ) -> Any:
        acting: Any = request.user
        sent = request.POST if is_confirmed(request) else None
        form = GrantForm(sent, kind=objects.model, acting=acting)
        if form.is_valid() and form.change(change, objects):
            self.message_user(request, done % {"count": objects.count()})  # type: ignore[attr-defined]  # the admin's
            return None
        page = confirmation(self, request, objects, question=question, tell=str, shown=NAMED)
        page.template_name = "users/roles/grant.html"
        page.context_data |= {"form": form}  # type: ignore[operator]  # it has a context
        return page
