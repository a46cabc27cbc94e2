from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from shared_apps.tenants.admin_confirm import confirmation, is_confirmed
from shared_apps.tenants.admin_export import ExportAdmin
from shared_apps.tenants.admin_sites import tenant_admin
from tenant_apps.history.admin import HistoryAdmin
from tenant_apps.users.roles.admin import VisibleAdmin, grant_inlines

from .exporting import OrderRows
from .models import IllegalTransition, Order, OrderItem, OrderStatus

# How many orders a message names.
TOLD = 20


class OrderItemInline(TabularInline):
    model = OrderItem
    extra = 0
    can_delete = False
    fields = readonly_fields = ["product_name", "unit_price", "quantity", "line_total"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: an order is placed, not typed."""
        return False


@admin.register(Order, site=tenant_admin)
class OrderAdmin(VisibleAdmin, HistoryAdmin, ExportAdmin, ModelAdmin):
    """Orders: looked at here, and taken through their states by the actions."""

    resource_classes = [OrderRows]

    list_display = ["number", "user", "status", "total", "currency", "created_at"]
    list_filter = ["status", "created_at"]
    search_fields = ["number", "user__email"]
    list_select_related = ["user"]
    fields = readonly_fields = [
        *("number", "user", "status", "total", "currency", "created_at", "updated_at"),
    ]
    inlines = [OrderItemInline, *grant_inlines(Order)]
    actions = [
        *("export_selected", "pay", "ship", "deliver", "cancel", "refund", "grant", "take_back")
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: an order is placed, not typed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: an order is cancelled, and stays."""
        return False

    def has_refund_permission(self, request: HttpRequest) -> bool:
        """Tell whether the refund action is offered."""
        return bool(request.user.has_perm("orders.refund_order"))

    def _move(self, request: HttpRequest, orders: QuerySet[Order], target: OrderStatus) -> Any:
        """Ask first; then take each order to ``target`` that may go there."""
        if not is_confirmed(request):
            return confirmation(
                self,
                request,
                orders,
                question=_("These orders will be %(status)s. Are you sure?")
                % {"status": target.label.lower()},
                tell=lambda order: _outlook(order, target),
            )
        moved = []
        for order in orders:
            try:
                order.move_to(target)
            except IllegalTransition as error:
                self.message_user(request, f"{order}: {error}", messages.ERROR)
            else:
                moved.append(str(order.number))
        if moved:
            told = {
                "status": target.label.lower(),
                "count": len(moved),
                "numbers": ", ".join(moved[:TOLD]),
            }
            self.message_user(request, _("Now %(status)s: %(count)s (%(numbers)s).") % told)
        return None

    @admin.action(description=_("Mark as paid"), permissions=["change"])
    def pay(self, request: HttpRequest, queryset: QuerySet[Order]) -> Any:
        """Go from pending to paid."""
        return self._move(request, queryset, OrderStatus.PAID)

    @admin.action(description=_("Mark as shipped"), permissions=["change"])
    def ship(self, request: HttpRequest, queryset: QuerySet[Order]) -> Any:
        """Go from paid to shipped."""
        return self._move(request, queryset, OrderStatus.SHIPPED)

    @admin.action(description=_("Mark as delivered"), permissions=["change"])
    def deliver(self, request: HttpRequest, queryset: QuerySet[Order]) -> Any:
        """Go from shipped to delivered."""
        return self._move(request, queryset, OrderStatus.DELIVERED)

    @admin.action(description=_("Cancel; stock goes back"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> Any:
        """Go from pending or paid to cancelled."""
        return self._move(request, queryset, OrderStatus.CANCELLED)

    @admin.action(description=_("Mark as refunded"), permissions=["refund"])
    def refund(self, request: HttpRequest, queryset: QuerySet[Order]) -> Any:
        """Go from paid, shipped or delivered to refunded."""
        return self._move(request, queryset, OrderStatus.REFUNDED)


def _outlook(order: Order, target: OrderStatus) -> str:
    """Say what will become of an order."""
    told = {
        "order": order,
        "person": order.user,
        "amount": f"{localize(order.total)} {order.currency}",
        "now": order.get_status_display().lower(),
        "status": target.label.lower(),
    }
    if order.may_move_to(target):
        return _("%(order)s of %(person)s, %(amount)s: %(now)s, will be %(status)s") % told
    return _("%(order)s of %(person)s, %(amount)s: stays %(now)s") % told
