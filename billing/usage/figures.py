"""What a portal used in a month, against its plan: read when asked, a query for each measure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import redis
import structlog
from django.db.models import Sum
from django.utils import timezone

from billing.models import Subscription
from billing.of_tenant import own_rows
from shared_apps.tenants.api_use import api_use
from shared_apps.tenants.scope import active_tenant
from tenant_apps.files.models import StoredFile
from tenant_apps.orders.models import Order
from tenant_apps.products.models import Product
from tenant_apps.users.models import User

from .models import UsagePeriod

log = structlog.get_logger(__name__)

# Which limit of the plan bounds a measure.
LIMITS: dict[str, str | None] = {
    "requests": "requests_per_month",
    "users": "max_users",
    "products": "max_products",
    "storage": "storage_bytes",
    "orders": None,
}


@dataclass(frozen=True, slots=True)
class Measure:
    """So much of ``name`` was used of ``limit``; None: there is no limit."""

    name: str
    used: int
    limit: int | None = None

    @property
    def share(self) -> float | None:
        """How much of the limit that is: 1 is all of it."""
        if self.limit is None:
            return None
        return round(self.used / self.limit, 4) if self.limit else 1.0


def this_period() -> date:
    """Return the first day of this month (UTC)."""
    return timezone.now().astimezone(UTC).date().replace(day=1)


def end_of(period: date) -> date:
    """Return the first day of the month after."""
    return (period + timedelta(31)).replace(day=1)


def usage_in(period: date) -> list[Measure]:
    """Return what the active tenant used in the month that begins with ``period``.

    Of this month everything, and the plan's limits; of earlier ones what they leave behind,
    requests and orders, without limits: the plan may have been another.
    """
    used = {"requests": _requests(period), "orders": _orders(period)}
    if period != this_period():
        return [Measure(name, used[name]) for name in LIMITS if name in used]
    used |= {
        "users": User.objects.filter(is_active=True, is_service=False).count(),
        "products": Product.objects.count(),
        "storage": StoredFile.objects.aggregate(bytes=Sum("size"))["bytes"] or 0,
    }
    entitlements = active_tenant().entitlements
    return [
        Measure(name, used[name], entitlements.limit(limit) if limit else None)
        for name, limit in LIMITS.items()
    ]


def plan_name() -> str:
    """Return the name of the active tenant's plan."""
    rows = own_rows(Subscription, "tenant__plan__name")
    return rows[0]["tenant__plan__name"] if rows else ""


def _requests(period: date) -> int:
    """Return what was counted: as written, or as told where that is more already."""
    written: int = sum(row["requests"] for row in own_rows(UsagePeriod, "requests", period=period))
    try:
        told = api_use.total(active_tenant().id, f"{period:%Y-%m}")
    except redis.RedisError:
        log.warning("usage_without_redis")
        told = 0
    return max(written, told)


def _orders(period: date) -> int:
    begins, ends = (
        datetime(day.year, day.month, 1, tzinfo=UTC) for day in (period, end_of(period))
    )
    placed: int = Order.objects.filter(created_at__gte=begins, created_at__lt=ends).count()
    return placed
