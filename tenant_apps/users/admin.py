from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminOwnPasswordChangeForm, AdminPasswordChangeForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminColorInputWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
)

from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin  # isort: skip

from shared_apps.tenants.admin_sites import operators_admin, tenant_admin
from shared_apps.tenants.plan_limits import FeatureMissing, check_form, require
from tenant_apps.files.models import StoredFile
from tenant_apps.files.pictures import NotAPicture, encoded_anew
from tenant_apps.history.admin import HistoryAdmin

from .api_keys.admin import ApiKeyAdmin
from .invitations.admin import InvitationAdmin
from .logins.admin import EndsLogins, LoginInline
from .models import PortalSettings, Role, User
from .roles.admin import RoleAdmin
from .roles.admin_why import ExplainsAdmin

__all__ = ["ApiKeyAdmin", "InvitationAdmin", "RoleAdmin"]  # registered by being imported


class NewUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ["email", "name"]


class NewPasswordForm(AdminPasswordChangeForm):
    """A new password ends every login that the old one opened."""

    def save(self, commit: bool = True) -> Any:
        """Save the password and revoke all tokens."""
        user = super().save(commit)
        user.revoke_tokens()
        return user


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """One's own new password ends every login; one signs in with it."""

    def save(self, commit: bool = True) -> Any:
        """Save the password and revoke all tokens."""
        user = super().save(commit)
        user.revoke_tokens()
        return user


for _site in (tenant_admin, operators_admin):
    _site.password_change_form = OwnPasswordForm


class _PeopleAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # as above
    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = NewPasswordForm
    ordering = ["email"]
    search_fields = ["email", "name"]
    filter_horizontal = []  # Django's two boxes; there are few roles
    readonly_fields = ["last_login", "created_at", "email_verified_at"]
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["email", "name", "password1", "password2"]})
    ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: people are deactivated, so that their orders keep their name."""
        return False


class PersonForm(UserChangeForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Roles are given and taken within reach of who asks; the last owner stays."""

    acting: User

    def clean_groups(self) -> Any:
        """Keep the roles the person has beyond the reach of who asks."""
        reach = Role.objects.within_reach_of(self.acting)
        beyond = Role.objects.filter(user=self.instance).exclude(pk__in=reach.values("pk"))
        chosen = set(self.cleaned_data["groups"].values_list("pk", flat=True))
        return Group.objects.filter(pk__in=chosen | set(beyond.values_list("pk", flat=True)))

    def clean(self) -> Any:
        """Refuse to take the last owner away."""
        data = super().clean() or self.cleaned_data
        groups = data.get("groups")
        stays = data.get("is_active", True) and (
            groups is None or groups.filter(role__code="owner").exists()
        )
        if data.get("is_active") and "is_active" in self.changed_data:
            check_form(User)
        if not stays and self.instance.is_last_owner():
            raise ValidationError(_("The last owner stays: make somebody else an owner first."))
        return data


@admin.register(User, site=tenant_admin)
class UserAdmin(ExplainsAdmin, EndsLogins, HistoryAdmin, _PeopleAdmin):
    """The people of this portal, their roles and logins."""

    form = PersonForm
    inlines = [LoginInline]
    actions = ["end_logins"]
    list_display = ["email", "name", "is_active", "last_login"]
    list_filter = ["is_active", "groups"]
    fieldsets = [
        (None, {"fields": ["email", "name", "password", "is_active"]}),
        (_("Roles"), {"fields": ["groups"]}),
        (_("Dates"), {"fields": ["last_login", "created_at", "email_verified_at"]}),
    ]

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Offer the roles within reach of whoever is asking."""
        if db_field.name == "groups":
            kwargs["queryset"] = Role.objects.within_reach_of(request.user)
            kwargs["label"] = _("Roles")
            kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Tell the form who is asking."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.acting = request.user
        return form

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """Show the logins of a person who exists."""
        return [] if obj is None else list(self.inlines)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write what was changed; a deactivation or other roles end every login."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj.save(update_fields=list({"email", "name", "is_active"} & set(form.changed_data)))
        if {"is_active", "groups"} & set(form.changed_data):
            obj.revoke_tokens()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a person who outranks them; a service account changes with its keys."""
        may = super().has_change_permission(request, obj)
        return bool(may and (obj is None or not (obj.is_service or obj.outranks(request.user))))


@admin.register(User, site=operators_admin)
class OperatorAdmin(_PeopleAdmin):
    """The operators of the platform."""

    list_display = ["email", "name", "is_active", "last_login"]
    list_filter = ["is_active"]
    fieldsets = [
        (None, {"fields": ["email", "name", "password", "is_active", "is_superuser"]}),
        (_("Dates"), {"fields": ["last_login", "created_at", "email_verified_at"]}),
    ]


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=[(name, name) for name in sorted(available_timezones())],
        widget=UnfoldAdminSelectWidget,
    )
    new_logo = forms.FileField(
        label=_("New logo"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("A JPEG, PNG or WebP picture; it replaces the one before."),
    )

    class Meta:
        model = PortalSettings
        fields = ["name", "colour", "currency", "language", "time_zone", "catalogue_readers"]
        widgets = {"colour": UnfoldAdminColorInputWidget}

    def clean_new_logo(self) -> Any:
        """Encode the picture anew, or say why not."""
        uploaded = self.cleaned_data["new_logo"]
        if not uploaded:
            return None
        try:
            require("own_logo")
            picture = encoded_anew(uploaded)
        except NotAPicture as error:
            raise ValidationError(str(error), code="not_a_picture") from error
        except FeatureMissing as error:
            raise ValidationError(str(error), code="feature_not_in_plan") from error
        check_form(StoredFile, len(picture.content))
        return picture


@admin.register(PortalSettings, site=tenant_admin)
class PortalSettingsAdmin(HistoryAdmin, ModelAdmin):
    """The portal's one row of settings."""

    form = SettingsForm
    readonly_fields = ["logo_shown"]
    fields = [
        *("name", "logo_shown", "new_logo", "colour", "currency", "language", "time_zone"),
        "catalogue_readers",
    ]

    @admin.display(description=_("logo"))
    def logo_shown(self, portal: PortalSettings) -> str:
        """Show the logo."""
        url = portal.logo_url
        return format_html('<img src="{}" alt="" height="48">', url) if url else "-"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: the row came with the portal."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save and publish what was changed."""
        data = form.cleaned_data
        changed = set(form.changed_data) - {"new_logo"}
        if changed:
            obj.change(**{name: data[name] for name in changed})
        if data.get("new_logo"):
            obj.show_logo(data["new_logo"], user=request.user)
