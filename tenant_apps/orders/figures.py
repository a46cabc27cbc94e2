"""What the orders of the last days come to, a query each."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from shared_apps.tenants.scope import active_tenant

from .models import Order, OrderItem, OrderStatus

PAID = (OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED)


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC): the orders placed that were not cancelled, and what the paid ones come to."""

    date: date
    orders: int = 0
    revenue: Decimal = Decimal(0)


def orders_by_day(days: int) -> list[Day]:
    """Return the last ``days``, today included, the oldest first; days without orders, too.

    The revenue is in the portal's present currency; orders in another are counted, not added up.
    """
    currency = active_tenant().settings["currency"]
    rows = (
        _placed_within(days)
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(
            placed=Count("pk"),
            paid=Sum("total", filter=Q(status__in=PAID, currency=currency)),
        )
        .order_by("day")
    )
    found = {row["day"]: Day(row["day"], row["placed"], row["paid"] or Decimal(0)) for row in rows}
    dates = ((_first(days) + timedelta(number)).date() for number in range(days))
    return [found.get(day, Day(day)) for day in dates]


def top_products(days: int, number: int) -> list[dict[str, Any]]:
    """Return the products sold most in the last ``days``: ``product``, ``name``, ``sold``.

    By pieces, of orders that were not cancelled; what was deleted since is left out.
    """
    sold = OrderItem.objects.filter(order__in=_placed_within(days)).exclude(product=None)
    figures: Any = sold.values("product", name=F("product__name")).annotate(sold=Sum("quantity"))
    return list(figures.order_by("-sold", "name", "product")[:number])


def _first(days: int) -> datetime:
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days - 1)


def _placed_within(days: int) -> Any:
    placed = Order.objects.filter(created_at__gte=_first(days)).order_by()
    return placed.exclude(status=OrderStatus.CANCELLED)
