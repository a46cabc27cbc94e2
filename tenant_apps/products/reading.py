"""What the API reads of the catalogue again and again, as queries that are kept."""

from typing import Any
from uuid import UUID

from shared_apps.tenants.kept_queries import kept_query
from tenant_apps.users.models import User

from .models import Category, Product, Sight

FIGURES = frozenset({"products_count", "avg_price"})


@kept_query
def products_within(sight: Sight, *asked: Any, user: UUID | None, key: UUID | None) -> Any:
    """Find products that ``user`` sees with this sight, or the one with the ``key``.

    ``asked`` are paths, ordering and limit, as :func:`_read` has them.
    """
    products: Any = Product.objects.all()
    return _read(products.within(sight, User(pk=user)), key, *asked)


@kept_query
def categories_within(
    sight: Sight, paths: tuple[str, ...], *asked: Any, user: UUID | None, key: UUID | None
) -> Any:
    """Find categories as :func:`products_within` does products."""
    categories = Category.objects.all().within(sight, User(pk=user))
    if not FIGURES.isdisjoint(paths):
        categories = categories.with_figures()
    return _read(categories, key, paths, *asked)


def _read(
    rows: Any,
    key: UUID | None,
    paths: tuple[str, ...],
    ordering: tuple[str, ...],
    limit: int | None,
) -> Any:
    if key is not None:
        rows = rows.filter(pk=key)
    return rows.order_by(*ordering).values_list(*paths)[:limit]
