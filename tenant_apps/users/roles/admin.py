"""Roles and grants in the tenant's admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from shared_apps.tenants.admin_sites import tenant_admin
from tenant_apps.history.admin import HistoryAdmin

from ..models import Role
from .admin_grants import GrantsMany, GrantsToRole
from .admin_members import MembersAdmin
from .admin_why import AsksWhy
from .forms import RoleForm
from .giving import (
    BeyondReach,
    change_role,
    check_role,
    codes_of,
    copy_role,
    delete_role,
    permissions_of,
)
from .matrix import CELLS, cell_of
from .objects import (
    PersonGrant,
    RoleGrant,
    check_grant,
    deeds,
    grant_model,
    grantable_models,
)


class GrantFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # generic in the stubs only
    """Grants as typed on a page: each that is given or taken is checked against who asks."""

    acting: Any

    def clean(self) -> None:
        """Refuse what is beyond reach."""
        super().clean()
        for form in self.forms:
            if not form.has_changed():
                continue
            grant = form.instance
            if grant.permission_id is None:
                continue
            try:
                check_grant(self.acting, grant)
            except BeyondReach as why:
                raise ValidationError(str(why), code="beyond_reach") from why


class GrantInline(TabularInline):
    """Grants of one kind, on an object's page or on a role's."""

    formset = GrantFormSet
    extra = 0
    tab = True
    verbose_name = _("grant")
    kind: type[Model]

    def _may(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("users.change_user"))

    has_view_permission = has_add_permission = has_delete_permission = _may

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: a grant is given or taken."""
        return False

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Tell the forms who is asking."""
        formset: Any = super().get_formset(request, obj, **kwargs)
        formset.acting = request.user
        return formset

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Offer the deeds that can be granted on this kind."""
        if db_field.name == "permission":
            kwargs["queryset"] = Permission.objects.filter(
                content_type__app_label=self.kind._meta.app_label, codename__in=deeds(self.kind)
            )
        if db_field.name == "group":
            kwargs["queryset"] = Role.objects.all()
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "permission":
            app = self.kind._meta.app_label
            field.label_from_instance = lambda deed: cell_of(f"{app}.{deed.codename}").label
        return field


def grant_inlines(kind: type[Model]) -> list[type[GrantInline]]:
    """Return the inlines for the page of an object of ``kind``: roles, then people."""
    name = kind.__name__
    common: dict[str, Any] = {"kind": kind, "fk_name": "content_object"}
    return [
        type(
            f"{name}RoleGrants",
            (GrantInline,),
            {
                **common,
                "model": grant_model(kind, RoleGrant),
                "fields": ["group", "permission"],
                "verbose_name_plural": _("Granted to roles"),
            },
        ),
        type(
            f"{name}PersonGrants",
            (GrantInline,),
            {
                **common,
                "model": grant_model(kind, PersonGrant),
                "fields": ["user", "permission"],
                "autocomplete_fields": ["user"],
                "verbose_name_plural": _("Granted to people"),
            },
        ),
    ]


def _grants_of_a_role(kind: type[Model]) -> type[GrantInline]:
    return type(
        f"RoleGrantsOn{kind.__name__}",
        (GrantInline,),
        {
            "kind": kind,
            "model": grant_model(kind, RoleGrant),
            "fk_name": "group",
            "fields": ["content_object", "permission"],
            "autocomplete_fields": ["content_object"],
            "verbose_name_plural": format_lazy(
                _("Granted: {objects}"), objects=kind._meta.verbose_name_plural
            ),
        },
    )


class VisibleAdmin(AsksWhy, GrantsMany):
    """Mixin: whoever's role does not open the rows sees those granted to them, and no others."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows the person may see here."""
        rows: Any = super().get_queryset(request)  # type: ignore[misc]
        if super().has_view_permission(request):  # type: ignore[misc]
            return rows.visible_to(request.user)  # type: ignore[no-any-return]
        return rows.granted_to(request.user)  # type: ignore[no-any-return]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask the role, or whether anything was granted."""
        if super().has_view_permission(request, obj):  # type: ignore[misc]
            return True
        rows: Any = self.model._default_manager  # type: ignore[attr-defined]
        mine = rows.all().granted_to(request.user)
        return bool((mine if obj is None else mine.filter(pk=obj.pk)).exists())

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for this row."""
        if obj is None or super().has_change_permission(request, obj):  # type: ignore[misc]
            return bool(super().has_change_permission(request, obj))  # type: ignore[misc]
        return bool(type(obj).objects.changeable_by(request.user).filter(pk=obj.pk).exists())


@admin.register(Role, site=tenant_admin)
class RoleAdmin(MembersAdmin, GrantsToRole, HistoryAdmin, ModelAdmin):
    """Roles: the built-in ones to look at, the portal's own to edit."""

    form = RoleForm
    list_display = ["name", "rank", "description", "members"]
    search_fields = ["name"]
    fields = ["name", "description", "rank", "permissions"]
    readonly_fields = ["held"]
    actions = ["copy"]
    actions_detail = ["members_page", "grant_page"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Role]:
        """Count the members along."""
        roles: Any = super().get_queryset(request)
        return roles.annotate(members=Count("user"))  # type: ignore[no-any-return]

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """Show what is granted to a role that exists."""
        return [] if obj is None else [_grants_of_a_role(kind) for kind in grantable_models()]

    @admin.display(description=_("members"), ordering="members")
    def members(self, role: Any) -> str:
        """Show the number of members, leading to them."""
        url = reverse("admin:users_user_changelist")
        return format_html('<a href="{}?groups__id__exact={}">{}</a>', url, role.pk, role.members)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show the matrix to those who may change it, its codes to others."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fields
        return ["name", "description", "rank", "held"]

    @admin.display(description=_("What it may do"))
    def held(self, role: Role) -> str:
        """Show what a role holds that cannot be changed here."""
        labels = (CELLS[code].label for code in sorted(codes_of(role)) if code in CELLS)
        return "; ".join(labels) or "-"

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Tell the form who is asking."""
        kwargs["fields"] = ["name", "description", "rank"]
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.acting = request.user
        return form

    @admin.action(description=_("Copy"), permissions=["add"])
    def copy(self, request: HttpRequest, roles: QuerySet[Role]) -> None:
        """Make a role like each, below one's own rank."""
        acting: Any = request.user
        for role in roles:
            try:
                made = copy_role(acting=acting, role=role, name=_free_name(role.name))
            except BeyondReach as why:
                self.message_user(request, f"{role}: {why}", messages.ERROR)
            else:
                told = gettext("%(role)s was made; give it a name of its own.")
                self.message_user(request, told % {"role": made})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the role and what it may do."""
        data = form.cleaned_data
        if change:
            values = {name: data[name] for name in ("name", "description", "rank")}
            acting: Any = request.user
            change_role(acting=acting, role=obj, permissions=data["permissions"], **values)
        else:
            super().save_model(request, obj, form, change)
            obj.permissions.set(permissions_of(data["permissions"]))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete it by the rules."""
        delete_role(acting=request.user, role=obj)  # type: ignore[arg-type]  # signed in

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Role]) -> None:
        """Delete each by the rules."""
        for role in queryset:
            self.delete_model(request, role)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a built-in role, nor one of their own rank or above."""
        may = super().has_change_permission(request, obj)
        return bool(may and (obj is None or obj.may_be_changed_by(request.user)))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for changing; and whoever deletes a role holds what its members lose."""
        may = super().has_delete_permission(request, obj)
        if obj is None or not may:
            return bool(may)
        try:
            acting: Any = request.user
            check_role(acting=acting, role=obj, name=obj.name, rank=obj.rank, permissions=())
        except BeyondReach:
            return False
        return True


def _free_name(name: str) -> str:
    """Return ``name (copy)``, with a number where there is one already."""
    copy = gettext("copy")
    start = f"{name} ({copy}"
    taken = set(Group.objects.filter(name__startswith=start).values_list("name", flat=True))
    candidates = (f"{start}{(n and f' {n + 1}') or ''})" for n in range(len(taken) + 1))
    return next(candidate for candidate in candidates if candidate not in taken)
