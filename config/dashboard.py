"""The first page of a tenant's admin: a card each of what the person may see."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from billing.usage.figures import Measure, plan_name, this_period, usage_in
from shared_apps.tenants import plan_limits, scope
from tenant_apps.files.models import StoredFile
from tenant_apps.orders.figures import Day, orders_by_day, top_products
from tenant_apps.products.models import Product
from tenant_apps.users.models import User
from tenant_apps.users.roles.ownership import is_owner

DAYS = 30
TOP = 5
LOW = 10
# So much of a limit is warned of.
SCARCE = 0.8

# The drawing: units of its own, scaled to the card.
BAR, GAP, HEIGHT = 8, 2, 60

Card = dict[str, Any]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the cards to the context of the index page; the operators' page has none."""
    active = scope.current()
    if active is None or active.kind != "tenant":
        return context
    user: Any = request.user
    cards = [make(user) for permissions, make in CARDS if user.has_perms(permissions)]
    return context | {"cards": cards}


def _orders(user: Any) -> Card:
    days = orders_by_day(DAYS)
    return {
        "template": "orders/dashboard/orders.html",
        "title": _("Orders and revenue, last %(days)s days") % {"days": DAYS},
        "currency": scope.active_tenant().settings["currency"],
        "orders": sum(day.orders for day in days),
        "revenue": sum((day.revenue for day in days), Decimal(0)),
        "days": days,
        "width": DAYS * (BAR + GAP),
        "height": HEIGHT,
        "charts": [
            (_("Orders"), _bars(days, lambda day: day.orders)),
            (_("Revenue"), _bars(days, lambda day: day.revenue)),
        ],
    }


def _bars(days: list[Day], value: Callable[[Day], Decimal | int]) -> list[dict[str, Any]]:
    """Return the bars of a drawing: place and size in its units, the day and its value."""
    highest = max((value(day) for day in days), default=0) or 1
    bars = []
    for place, day in enumerate(days):
        height = round(HEIGHT * value(day) / highest)
        left, top = place * (BAR + GAP), HEIGHT - height
        bars.append({"x": left, "y": top, "width": BAR, "height": height, "day": day})
    return bars


def _top_products(user: Any) -> Card:
    return {
        "template": "orders/dashboard/top_products.html",
        "title": _("Sold most, last %(days)s days") % {"days": DAYS},
        "rows": top_products(DAYS, TOP),
    }


def _low_stock(user: Any) -> Card:
    low = Product.objects.visible_to(user).running_low(settings.LOW_STOCK)
    return {
        "template": "products/dashboard/low_stock.html",
        "title": _("Low stock: %(number)s or fewer") % {"number": settings.LOW_STOCK},
        "products": list(low[:LOW]),
    }


def _usage(user: Any) -> Card:
    texts = {
        "requests": _("API requests"),
        "users": _("People"),
        "products": _("Products"),
        "storage": _("Storage"),
        "orders": _("Orders"),
    }
    return {
        "template": "billing/dashboard/usage.html",
        "title": _("Use of the plan"),
        "plan": plan_name(),
        "may_pay": is_owner(user),
        "uses": [
            {
                "over": _over(measure),
                "what": texts[measure.name],
                "used": _in_words(measure.name, measure.used),
                "limit": None if measure.limit is None else _in_words(measure.name, measure.limit),
                "percent": round(100 * (measure.share or 0)),
                "is_scarce": (measure.share or 0) > SCARCE,
                "is_used_up": (measure.share or 0) >= 1,
            }
            for measure in usage_in(this_period())
        ],
    }


def _over(measure: Measure) -> str:
    """Say that there is more than the plan allows; empty if there is not."""
    models: dict[str, Any] = {"users": User, "products": Product, "storage": StoredFile}
    model = models.get(measure.name)
    return "" if model is None else plan_limits.over_limit(model, measure.used)


def _in_words(measure: str, amount: int) -> str:
    if measure == "storage":
        return filesizeformat(amount)
    return number_format(amount, force_grouping=True)


# Who sees which card: those who hold all of these.
CARDS: list[tuple[list[str], Callable[[Any], Card]]] = [
    (["orders.view_order"], _orders),
    (["orders.view_order", "products.view_product"], _top_products),
    (["products.view_product"], _low_stock),
    (["users.change_portalsettings"], _usage),
]
