"""Invitations in the tenant's admin."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from shared_apps.tenants.admin_sites import tenant_admin
from shared_apps.tenants.plan_limits import LimitReached

from ..models import Invitation, Role, User
from ..roles.giving import BeyondReach
from .inviting import (
    AlreadyInvited,
    AlreadyThere,
    InvitationClosed,
    check_invitation,
    invite,
    resend,
    revoke,
)


class InvitationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """``acting`` is set by the admin."""

    acting: User

    class Meta:
        model = Invitation
        fields = ["email", "roles"]

    def clean_email(self) -> str:
        """Compare addresses in lower case."""
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> Any:
        """Refuse what :func:`invite` would."""
        data = super().clean() or self.cleaned_data
        if {"email", "roles"} <= set(data):
            try:
                check_invitation(acting=self.acting, email=data["email"], roles=data["roles"])
            except (AlreadyThere, AlreadyInvited, BeyondReach, LimitReached) as why:
                raise ValidationError(str(why), code="refused") from why
        return data


@admin.register(Invitation, site=tenant_admin)
class InvitationAdmin(ModelAdmin):
    """Who was invited, by whom, into what; with sending again and revoking."""

    form = InvitationForm
    list_display = ["email", "into", "state", "invited_by", "expires_at"]
    list_select_related = ["invited_by"]
    search_fields = ["email"]
    fields = ["email", "into", "state", "invited_by", "created_at", "expires_at"]
    readonly_fields = ["into", "state", "invited_by", "created_at", "expires_at"]
    actions = ["resend", "revoke"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        """Fetch the roles along."""
        rows: Any = super().get_queryset(request)
        return rows.prefetch_related("roles")  # type: ignore[no-any-return]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Ask for address and roles; show more of what is there."""
        return ["email", "roles"] if obj is None else self.fields

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Tell the form who is asking."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.acting = request.user
        return form

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Offer the roles within reach of whoever is asking."""
        kwargs["queryset"] = Role.objects.within_reach_of(request.user)
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description=_("roles"))
    def into(self, invitation: Invitation) -> str:
        """Show the names of the roles."""
        return ", ".join(role.name for role in invitation.roles.all())

    @admin.display(description=_("state"))
    def state(self, invitation: Invitation) -> Any:
        """Show what has become of it."""
        return invitation.state.label

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Invite; the mail follows the commit."""
        acting: Any = request.user
        data = form.cleaned_data
        obj.pk = invite(acting=acting, email=data["email"], roles=data["roles"]).pk

    @admin.action(description=_("Send again"), permissions=["add"])
    def resend(self, request: HttpRequest, invitations: QuerySet[Invitation]) -> None:
        """Mail each a new link."""
        self._do(request, invitations, resend, _("The invitation of %(email)s was sent again."))

    @admin.action(description=_("Revoke"), permissions=["add"])
    def revoke(self, request: HttpRequest, invitations: QuerySet[Invitation]) -> None:
        """Make their links void."""
        self._do(request, invitations, revoke, _("The invitation of %(email)s was revoked."))

    def _do(
        self, request: HttpRequest, rows: QuerySet[Invitation], deed: Callable[..., None], done: Any
    ) -> None:
        for invitation in rows:
            try:
                deed(acting=request.user, invitation=invitation)
            except (AlreadyThere, InvitationClosed, BeyondReach) as why:
                self.message_user(request, f"{invitation}: {why}", messages.ERROR)
            else:
                self.message_user(request, done % {"email": invitation})

    def _may_invite(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("users.invite_user"))

    def _nobody(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_module_permission = has_view_permission = has_add_permission = _may_invite
    has_change_permission = has_delete_permission = _nobody
