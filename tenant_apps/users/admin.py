from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Permission
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm

from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin  # isort: skip

from shared_apps.tenants.admin_sites import operators_admin, tenant_admin

from .built_in_roles import grantable
from .models import PortalSettings, Role, User


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]  # generic in the stubs only
    class Meta:
        model = User
        fields = ["email", "name"]


class _PeopleAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # as above
    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    ordering = ["email"]
    search_fields = ["email", "name"]
    filter_horizontal = ["groups"]
    readonly_fields = ["last_login", "created_at", "email_verified_at"]
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["email", "name", "password1", "password2"]})
    ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: people are deactivated, so that their orders keep their name."""
        return False


@admin.register(User, site=tenant_admin)
class UserAdmin(_PeopleAdmin):
    """The people of this portal and their roles."""

    list_display = ["email", "name", "is_active", "last_login"]
    list_filter = ["is_active", "groups"]
    fieldsets = [
        (None, {"fields": ["email", "name", "password", "is_active"]}),
        ("Roles", {"fields": ["groups"]}),
        ("Dates", {"fields": ["last_login", "created_at", "email_verified_at"]}),
    ]

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Offer the roles up to the rank of whoever is asking."""
        if db_field.name == "groups":
            kwargs["queryset"] = Role.objects.up_to(request.user)
            kwargs["label"] = "Roles"
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a person who outranks them."""
        may = super().has_change_permission(request, obj)
        return bool(may and (obj is None or not obj.outranks(request.user)))


@admin.register(User, site=operators_admin)
class OperatorAdmin(_PeopleAdmin):
    """The operators of the platform."""

    list_display = ["email", "name", "is_active", "last_login"]
    list_filter = ["is_active"]
    fieldsets = [
        (None, {"fields": ["email", "name", "password", "is_active", "is_superuser"]}),
        ("Dates", {"fields": ["last_login", "created_at", "email_verified_at"]}),
    ]


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]  # as above
    class Meta:
        model = Role
        fields = ["name", "description", "rank", "permissions"]


@admin.register(Role, site=tenant_admin)
class RoleAdmin(ModelAdmin):
    """Roles: the built-in ones to look at, the portal's own to edit."""

    form = RoleForm
    list_display = ["name", "rank", "description"]
    search_fields = ["name"]
    filter_horizontal = ["permissions"]

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Offer what roles may hold, and of that what the person asking holds."""
        if db_field.name == "permissions":
            kwargs["queryset"] = grantable(
                Permission.objects.select_related("content_type"), request.user
            )
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a built-in role, nor one of their own rank or above."""
        may = super().has_change_permission(request, obj)
        return bool(may and (obj is None or obj.may_be_changed_by(request.user)))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for changing."""
        may = super().has_delete_permission(request, obj)
        return bool(may and (obj is None or obj.may_be_changed_by(request.user)))


@admin.register(PortalSettings, site=tenant_admin)
class PortalSettingsAdmin(ModelAdmin):
    """The portal's one row of settings."""

    fields = ["name", "currency", "catalogue_readers"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: the row came with the portal."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save and publish."""
        obj.store()
