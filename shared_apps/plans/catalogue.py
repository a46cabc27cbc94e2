"""The plans on offer, kept in code as data and written to the database at every migrate."""

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_noop as _

from .models import Plan

PLANS: tuple[dict[str, Any], ...] = (
    {
        "code": "free",
        "name": "Free",
        "description": _("For trying things out."),
        "price_month": Decimal("0.00"),
        "limits": {"max_products": 200, "max_users": 3},
        "position": 1,
    },
    {
        "code": "team",
        "name": "Team",
        "description": _("For a shop with a few colleagues."),
        "price_month": Decimal("29.00"),
        "limits": {"max_products": 5_000, "max_users": 25},
        "position": 2,
    },
    {
        "code": "business",
        "name": "Business",
        "description": _("For a company with many people and products."),
        "price_month": Decimal("149.00"),
        "limits": {"max_products": 100_000, "max_users": 500},
        "position": 3,
    },
)


def load_plans() -> None:
    """Write ``PLANS`` to the database; safe to repeat. Runs in the public or owner scope."""
    for plan in PLANS:
        Plan.objects.update_or_create(
            code=plan["code"], defaults={k: v for k, v in plan.items() if k != "code"}
        )
