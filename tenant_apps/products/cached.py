"""The catalogue's cached answers: what they depend on, and who reads the same."""

from typing import Any

from tenant_apps.cached.queries import ANYONE, READS, CachedAnswers
from tenant_apps.users.models import User

from .models import (
    Category,
    CategoryPersonGrant,
    CategoryRoleGrant,
    Product,
    ProductPersonGrant,
    ProductRoleGrant,
)

_GRANTS = (
    *(CategoryPersonGrant, CategoryRoleGrant, ProductPersonGrant, ProductRoleGrant),
    User.groups.through,
)

PRODUCTS = CachedAnswers(READS, [Product, Category, *_GRANTS])
# Their order is of counters that renew nothing.
POPULAR = CachedAnswers(READS, [Product, Category, *_GRANTS], seconds=60)
CATEGORIES = CachedAnswers(READS, [Category, Product, *_GRANTS])


def audience_of_products(user: Any) -> str:
    """Return a name of those for whom ``visible_to`` finds the same products."""
    if user.has_perm("products.change_product"):
        return "keepers"
    return _single(user)


def audience_of_categories(user: Any) -> str:
    """Return a name of those for whom ``visible_to`` finds the same categories."""
    if user.has_perm("products.view_category"):
        return "viewers"
    return _single(user)


def _single(user: Any) -> str:
    # Whoever is somebody may have been granted something.
    return str(user.pk) if user.is_authenticated else ANYONE
