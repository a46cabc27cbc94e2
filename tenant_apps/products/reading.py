"""What the API reads of the catalogue again and again, as queries that are kept."""

from typing import Any
from uuid import UUID

from shared_apps.tenants.kept_queries import kept_query
from tenant_apps.users.models import User

from .models import Category, Product, Sight

FIGURES = frozenset({"products_count", "avg_price"})


@kept_query
def products_within(
    sight: Sight,
    paths: tuple[str, ...],
    ordering: tuple[str, ...],
    limit: int | None,
    *,
    user: UUID | None,
    key: UUID | None,
) -> Any:
    """Find products that ``user`` sees with this sight, or the one with the ``key``."""
    products: Any = Product.objects.all()
    return _read(products.within(sight, User(pk=user)), paths, ordering, limit, key)


@kept_query
def categories_within(
    sight: Sight,
    paths: tuple[str, ...],
    ordering: tuple[str, ...],
    limit: int | None,
    *,
    user: UUID | None,
    key: UUID | None,
) -> Any:
    """Find categories as :func:`products_within` does products."""
    categories = Category.objects.all().within(sight, User(pk=user))
    if not FIGURES.isdisjoint(paths):
        categories = categories.with_figures()
    return _read(categories, paths, ordering, limit, key)


def _read(
    rows: Any,
    paths: tuple[str, ...],
    ordering: tuple[str, ...],
    limit: int | None,
    key: UUID | None,
) -> Any:
    if key is not None:
        rows = rows.filter(pk=key)
    return rows.order_by(*ordering).values_list(*paths)[:limit]
