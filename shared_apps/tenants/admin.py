from typing import Any

import redis
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from shared_apps.plans.models import Plan

from .admin_sites import operators_admin
from .cache_figures import lookups_of
from .models import DeadTask, Domain, Tenant


class DomainInline(TabularInline):
    model = Domain
    extra = 0
    fields = ["host", "is_primary"]


@admin.register(Tenant, site=operators_admin)
class TenantAdmin(ModelAdmin):
    """Tenants are made by signing up and end by closing; here they are looked at."""

    list_display = ["name", "status", "plan", "schema_name", "created_at"]
    list_filter = ["status", "plan"]
    search_fields = ["name", "schema_name", "domains__host"]
    list_select_related = ["plan"]
    readonly_fields = [
        *("schema_name", "status", "created_at", "claimed_at", "changed_at"),
        "cached_reads",
    ]
    fields = ["name", "plan", "grace_until", *readonly_fields]
    inlines = [DomainInline]
    actions = ["clear_caches"]

    @admin.display(description=_("reads answered from the cache"))
    def cached_reads(self, tenant: Tenant) -> str:
        """Return how many of how many, as far as the processes have told."""
        try:
            told = lookups_of(tenant.pk)
        except redis.RedisError:
            return "?"
        hits, misses = told.get("hits", 0), told.get("misses", 0)
        return f"{hits} / {hits + misses}"

    @admin.action(description=_("Clear the cache of the selected tenants"), permissions=["change"])
    def clear_caches(self, request: HttpRequest, tenants: QuerySet[Tenant]) -> None:
        """Let nothing that is cached for them be found again."""
        for tenant in tenants:
            tenant.clear_cache()
        self.message_user(
            request,
            _("Caches cleared: %(count)s. Every process knows within a second.")
            % {"count": len(tenants)},
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: signing up makes tenants."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: closing ends tenants."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write what was changed here, not the whole row: others change its status."""
        obj.change(**{name: form.cleaned_data[name] for name in form.changed_data})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save, then tell every process's domain map."""
        super().save_related(request, form, formsets, change)
        form.instance.change()


@admin.register(Domain, site=operators_admin)
class DomainAdmin(ModelAdmin):
    """Host names; renaming a portal is changing its domain here or on the tenant's page."""

    list_display = ["host", "tenant", "is_primary", "created_at"]
    search_fields = ["host", "tenant__name"]
    list_select_related = ["tenant"]
    autocomplete_fields = ["tenant"]
    fields = ["host", "tenant", "is_primary"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, then tell every process's domain map, of the former tenant too."""
        former = Tenant.objects.filter(domains=obj.pk).first() if change else None
        super().save_model(request, obj, form, change)
        for tenant in filter(None, {former, obj.tenant}):
            tenant.change()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: a name that was a portal's stays blocked."""
        return False


@admin.register(DeadTask, site=operators_admin)
class DeadTaskAdmin(ModelAdmin):
    """Tasks that were refused."""

    list_display = ["task", "tenant", "why", "refused_at"]
    list_filter = ["task", "refused_at"]
    search_fields = ["tenant"]
    readonly_fields = ["task", "tenant", "arguments", "why", "refused_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False


@admin.register(Plan, site=operators_admin)
class PlanAdmin(ModelAdmin):
    list_display = ["name", "code", "price_month", "currency", "is_public", "is_archived"]
    list_filter = ["is_public", "is_archived"]
    search_fields = ["name", "code"]
