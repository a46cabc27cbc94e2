"""Operators give a tenant a plan where nobody is charged for it; else Stripe decides."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from shared_apps.tenants.admin import TenantAdmin
from shared_apps.tenants.admin_sites import operators_admin
from shared_apps.tenants.models import Tenant

from .models import Subscription

operators_admin.unregister(Tenant)


@admin.register(Tenant, site=operators_admin)
class PayingTenantAdmin(TenantAdmin):
    """A tenant, with its subscription in step."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Return the fields to look at: the plan, too, where somebody pays for it."""
        fields = [*super().get_readonly_fields(request, obj)]
        ours = Subscription.objects.filter(tenant=obj.pk).first() if obj else None
        return [*fields, "plan"] if ours is not None and ours.is_charged() else fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write what was changed, the plan to the subscription as well."""
        super().save_model(request, obj, form, change)
        if "plan" in form.changed_data:
            Subscription.objects.filter(tenant=obj.pk).update(plan=form.cleaned_data["plan"])
