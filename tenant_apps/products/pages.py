"""The portal's catalogue: its front page, and a page of each product."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

from shared_apps.tenants.limited_pages import limited
from shared_apps.tenants.scope import active_tenant
from tenant_apps.cached.tallies import tally

from .models import VIEWS, Category, Product, is_open_to

PAGE = 24
LONGEST_SEARCH = 200

# what the page's list can be ordered by: its name, and the columns; without a search all are equal
# matches
ORDERS: dict[str, tuple[Any, list[str]]] = {
    "best": (_("Best match first"), ["-created_at", "-id"]),
    "newest": (_("Newest first"), ["-created_at", "-id"]),
    "name": (_("By name"), ["name", "id"]),
    "cheapest": (_("Cheapest first"), ["price", "id"]),
    "dearest": (_("Dearest first"), ["-price", "id"]),
}


def _is_readable(request: HttpRequest) -> bool:
    # A person whom nothing was granted gets an empty list, not a question to sign in.
    return request.user.is_authenticated or is_open_to(request.user)


@require_safe
@limited
def home(request: HttpRequest) -> HttpResponse:
    """Show what is on sale, as far as this visitor may see it; htmx gets the list alone.

    ``?search=``, ``?category=`` (a slug), ``?order=`` (of ``ORDERS``) and ``?page=``; what is
    none of those is as if it was not there.
    """
    is_part = request.htmx and not request.htmx.history_restore_request  # type: ignore[attr-defined]  # its middleware's
    if not _is_readable(request):
        closed = render(request, "products/closed.html")
        # Whoever was signed out meanwhile sees that as a page, not inside the old one.
        return HttpResponseClientRefresh() if is_part else closed
    wanted = request.GET
    search = wanted.get("search", "")[:LONGEST_SEARCH].strip()
    categories = Category.objects.visible_to(request.user)
    category = next((c for c in categories if c.slug == wanted.get("category")), None)
    order = wanted.get("order", "")
    order = order if order in ORDERS else "best"
    columns = ORDERS[order][1]
    seen = Product.objects.on_sale_to(request.user)
    if search:
        seen = seen.matching(search)
        columns = ["-relevance", *columns] if order == "best" else columns
    if category is not None:
        seen = seen.filter(category=category)
    products = seen.select_related("category").order_by(*columns)
    chosen = {"search": search, "category": category.slug if category else "", "order": order}
    context = {
        **chosen,
        "is_part": is_part,
        "page": Paginator(products, PAGE).get_page(wanted.get("page")),
        "categories": categories,
        "orders": [(name, label) for name, (label, _columns) in ORDERS.items()],
        "currency": active_tenant().settings["currency"],
    }
    response = render(request, "products/list.html" if is_part else "products/home.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
@limited
def product_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a product that is on sale and count the view."""
    if not _is_readable(request):
        return render(request, "products/closed.html")
    seen = Product.objects.on_sale_to(request.user).select_related("category")
    product = get_object_or_404(seen, slug=slug)
    tally(VIEWS, str(product.pk))
    context = {
        "product": product,
        # Not `.items` in the template: an attribute may be called that.
        "attributes": [(name, _shown(value)) for name, value in product.attributes.items()],
        "currency": active_tenant().settings["currency"],
    }
    return render(request, "products/product.html", context)


def _shown(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
