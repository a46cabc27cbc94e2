from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from shared_apps.tenants.admin_sites import operators_admin

from .models import StripeEvent, Subscription


class LookedAt(ModelAdmin):
    """What nobody writes by hand: Stripe and the portals' owners do."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


@admin.register(StripeEvent, site=operators_admin)
class StripeEventAdmin(LookedAt):
    """What Stripe told, what became of it, and why not."""

    list_display = ["event_id", "type", "state", "why", "customer", "created_at", "received_at"]
    list_filter = ["state", "type", "is_live", "found_by_reconciling"]
    search_fields = ["event_id", "customer", "object_id"]
    actions = ["replay"]

    @admin.action(description=_("Apply the selected events once more"), permissions=["view"])
    def replay(self, request: HttpRequest, events: QuerySet[StripeEvent]) -> None:
        """Have them applied with the next sweep; what was applied has no second effect."""
        for event in events:
            event.replay()
        self.message_user(
            request, _("%(count)s events are applied within minutes.") % {"count": len(events)}
        )


@admin.register(Subscription, site=operators_admin)
class SubscriptionAdmin(LookedAt):
    """Who has which plan, and how it is paid."""

    list_display = ["tenant", "plan", "status", "dunning", "trial_ends_at", "period_ends_at"]
    list_filter = ["status", "dunning", "plan"]
    search_fields = ["tenant__name", "owner_email", "stripe_customer", "stripe_subscription"]
    list_select_related = ["tenant", "plan"]
