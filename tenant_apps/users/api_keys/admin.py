"""API keys in the tenant's admin: each is shown on the page that follows its making, once."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from shared_apps.tenants.admin_confirm import confirmation, is_confirmed
from shared_apps.tenants.admin_sites import tenant_admin
from shared_apps.tenants.plan_limits import FeatureMissing
from tenant_apps.history.admin import HistoryAdmin

from ..models import ApiKey, Role, User
from ..roles.giving import BeyondReach
from .issuing import KeyClosed, check_issue, issue, revoke, rotate
from .scopes import SCOPES


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """``acting`` is set by the admin."""

    acting: User
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        label=_("Scopes"),
    )
    expires_in_days = forms.IntegerField(
        min_value=1,
        max_value=3650,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        label=_("Expires in days"),
        help_text=_("Empty: never."),
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes", "addresses"]
        widgets = {
            "name": UnfoldAdminTextInputWidget,
            "addresses": UnfoldAdminTextInputWidget,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"] = forms.ModelChoiceField(
            Role.objects.within_reach_of(self.acting).exclude(code="owner"),
            widget=UnfoldAdminSelectWidget,
            label=_("Role"),
        )

    def clean(self) -> Any:
        """Refuse what :func:`issue` would."""
        data = super().clean() or self.cleaned_data
        if "role" in data:
            try:
                check_issue(acting=self.acting, role=data["role"])
            except (BeyondReach, FeatureMissing) as why:
                raise ValidationError(str(why), code="refused") from why
        return data


@admin.register(ApiKey, site=tenant_admin)
class ApiKeyAdmin(HistoryAdmin, ModelAdmin):
    """What programs sign in with; made, replaced and revoked."""

    form = ApiKeyForm
    list_display = ["name", "role", "scopes_shown", "expires_at", "last_used_at", "revoked_at"]
    list_filter = ["revoked_at"]
    search_fields = ["name"]
    fields = readonly_fields = [
        *("name", "user", "role", "scopes_shown", "addresses", "created_by"),
        *("created_at", "expires_at", "revoked_at", "last_used_at"),
    ]
    actions = ["rotate", "revoke"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Fetch accounts and their roles along."""
        rows: Any = super().get_queryset(request)
        return rows.select_related("user", "created_by").prefetch_related("user__groups")  # type: ignore[no-any-return]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Ask for what makes a key; show more of one that is there."""
        asked = ["name", "role", "scopes", "addresses", "expires_in_days"]
        return asked if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Let a new one be written."""
        return [] if obj is None else self.readonly_fields

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Tell the form who is asking."""
        if obj is None:
            kwargs["fields"] = ApiKeyForm.Meta.fields
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.acting = request.user
        return form

    @admin.display(description=_("role"))
    def role(self, key: ApiKey) -> str:
        """Show the names of its account's roles."""
        return ", ".join(group.name for group in key.user.groups.all())

    @admin.display(description=_("scopes"))
    def scopes_shown(self, key: ApiKey) -> str:
        """Show them."""
        return ", ".join(key.scopes)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make the account and its key, whose text the next page shows."""
        acting: Any = request.user
        data = form.cleaned_data
        days = data["expires_in_days"]
        key, obj.text = issue(
            acting=acting,
            name=data["name"],
            role=data["role"],
            scopes=data["scopes"],
            addresses=data["addresses"],
            lifetime=timedelta(days=days) if days else None,
        )
        obj.pk = key.pk

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: Any = None
    ) -> HttpResponse:
        """Show the key."""
        return self._shown(request, [(obj.name, obj.text)])

    @admin.action(description=_("Replace; the old key works for a day"), permissions=["add"])
    def rotate(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> HttpResponse | None:
        """Make the next key of each, and show them."""
        acting: Any = request.user
        made = []
        for key in keys:
            try:
                made.append((key.name, rotate(acting=acting, key=key)[1]))
            except (BeyondReach, KeyClosed) as why:
                self.message_user(request, f"{key}: {why}", messages.ERROR)
        return self._shown(request, made) if made else None

    @admin.action(description=_("Revoke"), permissions=["add"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> HttpResponse | None:
        """Ask first; then make each void."""
        if not is_confirmed(request):
            question = _("These keys will be void at once, for good. Are you sure?")
            return confirmation(self, request, keys, question=str(question), tell=_outlook)
        acting: Any = request.user
        for key in keys:
            try:
                revoke(acting=acting, key=key)
            except (BeyondReach, KeyClosed) as why:
                self.message_user(request, f"{key}: {why}", messages.ERROR)
            else:
                self.message_user(request, _("The key %(name)s was revoked.") % {"name": key})
        return None

    def _shown(self, request: HttpRequest, made: Sequence[tuple[str, str]]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Copy the key now"),
            "opts": self.model._meta,
            "made": made,
            "back": reverse("admin:users_apikey_changelist"),
        }
        return TemplateResponse(request, "users/api_keys/shown.html", context)

    def _may_manage(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("users.manage_apikey"))

    def _nobody(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_module_permission = has_view_permission = has_add_permission = _may_manage
    has_change_permission = has_delete_permission = _nobody


def _outlook(key: ApiKey) -> str:
    """Tell a key from others of its name, and whether somebody uses it."""
    times = {
        name: date_format(localtime(at), "DATETIME_FORMAT") if at else _("never")
        for name, at in (("made", key.created_at), ("used", key.last_used_at))
    }
    return _("%(name)s, made %(made)s, last used: %(used)s") % {"name": key, **times}
