"""The plans on offer, kept in code as data and written to the database at every migrate."""

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_noop as _

from .models import Plan


def _limits(
    *, products: int, users: int, gigabytes: float, a_month: int, a_minute: int, at_once: int
) -> dict[str, int]:
    return {
        "max_products": products,
        "max_users": users,
        "storage_bytes": int(gigabytes * 2**30),
        "requests_per_month": a_month,
        "requests_per_minute": a_minute,
        "simultaneous_requests": at_once,
    }


# What everybody has who pays for nothing.
FREE = "free"
PLANS: tuple[dict[str, Any], ...] = (
    {
        "code": FREE,
        "name": "Free",
        "description": _("For trying things out."),
        "price_month": Decimal("0.00"),
        "price_year": Decimal("0.00"),
        "grace_days": 0,
        "features": ["api_keys"],
        "limits": _limits(
            products=200, users=3, gigabytes=0.5, a_month=100_000, a_minute=600, at_once=8
        ),
        "position": 1,
    },
    {
        "code": "team",
        "name": "Team",
        "description": _("For a shop with a few colleagues."),
        "price_month": Decimal("29.00"),
        "price_year": Decimal("290.00"),
        "trial_days": 14,
        "features": ["api_keys", "own_logo"],
        "limits": _limits(
            products=5_000, users=25, gigabytes=10, a_month=2_000_000, a_minute=3_000, at_once=16
        ),
        "position": 2,
    },
    {
        "code": "business",
        "name": "Business",
        "description": _("For a company with many people and products."),
        "price_month": Decimal("149.00"),
        "price_year": Decimal("1490.00"),
        "trial_days": 14,
        "features": ["api_keys", "own_logo"],
        "limits": _limits(
            products=100_000,
            users=500,
            gigabytes=100,
            a_month=20_000_000,
            a_minute=12_000,
            at_once=32,
        ),
        "position": 3,
    },
)


def load_plans() -> None:
    """Write ``PLANS`` to the database; safe to repeat. Runs in the public or owner scope.

    A plan that is no longer among them is archived.

    Raises:
        ValidationError: a plan names features or limits that are none; nothing is written.

    """
    for plan in PLANS:
        Plan(**plan).clean_fields()
    for plan in PLANS:
        Plan.objects.update_or_create(code=plan["code"], defaults={"is_archived": False, **plan})
    Plan.objects.exclude(code__in=[plan["code"] for plan in PLANS]).update(is_archived=True)
