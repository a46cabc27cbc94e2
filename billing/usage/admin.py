from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from shared_apps.tenants.admin_sites import operators_admin

from .models import UsagePeriod


@admin.register(UsagePeriod, site=operators_admin)
class UsagePeriodAdmin(ModelAdmin):
    """What tenants used, by month; nobody writes it by hand."""

    list_display = ["tenant", "month", "requests"]
    list_filter = ["period"]
    search_fields = ["tenant__name", "tenant__domains__host"]
    list_select_related = ["tenant"]

    @admin.display(description=_("month"), ordering="period")
    def month(self, usage: UsagePeriod) -> str:
        """Return the month as 2026-10."""
        return f"{usage.period:%Y-%m}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False
