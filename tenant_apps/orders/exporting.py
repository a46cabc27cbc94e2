"""What an export of orders holds."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from import_export.fields import Field

from shared_apps.tenants.admin_export import Rows, column

from .models import Order


class OrderRows(Rows):
    """Orders with their lines."""

    id = column("id")
    number = column("number")
    email = column("user__email")
    status = column("status")
    total = column("total")
    currency = column("currency")
    items = Field()
    created_at = column("created_at")
    updated_at = column("updated_at")

    class Meta:
        name = _("Orders")

    def filter_export(self, queryset: Any, **kwargs: Any) -> Any:
        """Fetch the lines along."""
        return queryset.with_items()

    def dehydrate_items(self, order: Order) -> list[dict[str, Any]]:
        """Return the lines: product, quantity, unit price."""
        return [
            {
                "product": item.product_name,
                "quantity": item.quantity,
                "unit_price": str(item.unit_price),
            }
            for item in order.items.all()
        ]
