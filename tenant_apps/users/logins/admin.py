"""A person's logins on their page in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from ..models import RefreshFamily, User
from ..roles.giving import BeyondReach
from .ending import end_logins_of


class LoginInline(TabularInline):
    """Where they are signed in, to look at."""

    model = RefreshFamily
    fields = readonly_fields = ["is_browser", "user_agent", "address", "created_at", "last_used_at"]
    extra = 0
    tab = True
    verbose_name_plural = _("Logins")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefreshFamily]:
        """Return those that have not ended, the newest first."""
        rows: Any = super().get_queryset(request)
        alive = RefreshFamily.objects.alive().values("pk")
        return rows.filter(pk__in=alive).order_by("-created_at")  # type: ignore[no-any-return]

    @admin.display(description=_("last used"))
    def last_used_at(self, login: RefreshFamily) -> Any:
        """Show when."""
        return login.last_used_at

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who may see the person."""
        return bool(request.user.has_perm("users.view_user"))

    def _nobody(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_change_permission = has_delete_permission = _nobody


class EndsLogins:
    """Mixin for the admin of people: an action that signs them out everywhere."""

    @admin.action(description=_("End all logins"), permissions=["change"])
    def end_logins(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """Sign each of them out everywhere, but those who outrank whoever asks."""
        acting: Any = request.user
        for person in people:
            try:
                end_logins_of(acting=acting, user=person)
            except BeyondReach as why:
                messages.error(request, str(why))
            else:
                messages.success(
                    request, _("%(person)s is signed out everywhere.") % {"person": person}
                )
