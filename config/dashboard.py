"""The first page of a tenant's admin: a card each of what the person may see."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from shared_apps.tenants import plan_limits, scope
from shared_apps.tenants.plan_limits import Limited
from tenant_apps.files.models import StoredFile
from tenant_apps.orders.figures import Day, orders_by_day, top_products
from tenant_apps.products.models import Product
from tenant_apps.users.models import User

DAYS = 30
TOP = 5
LOW = 10

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


def _plan(user: Any) -> Card:
    uses: list[tuple[str, str, Any, Any]] = [
        (_("Products"), "products.view_product", Product, str),
        (_("People"), "users.view_user", User, str),
        (_("Files"), "users.view_portalsettings", StoredFile, filesizeformat),
    ]
    return {
        "template": "users/dashboard/plan.html",
        "title": _("Use of the plan"),
        "uses": [
            _use(what, model, shown)
            for what, permission, model, shown in uses
            if user.has_perm(permission)
        ],
    }


def _use(what: str, model: type[Limited], shown: Callable[[int], str]) -> dict[str, Any]:
    used, most = plan_limits.used(model), scope.active_tenant().entitlements.limit(model.limit)
    return {
        "what": what,
        "used": used,
        "shown": shown(used),
        "limit": most,
        "limit_shown": most and shown(most),
        "over": plan_limits.over_limit(model, used),
    }


# Who sees which card: those who hold all of these.
CARDS: list[tuple[list[str], Callable[[Any], Card]]] = [
    (["orders.view_order"], _orders),
    (["orders.view_order", "products.view_product"], _top_products),
    (["products.view_product"], _low_stock),
    (["products.view_product"], _plan),
]
