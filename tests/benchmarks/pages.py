"""What a page far down a list costs, against the first one."""

import statistics

from django.db import connection
from django.utils import timezone

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.products.models import Product
from tests.api import Api
from tests.benchmarks.figures import Figure, seconds
from tests.benchmarks.grants import open_portal

PRODUCTS, DEPTH, TURNS = 20_000, 15_000, 40
ORDERINGS = {
    "by date": "-created_at",
    "by price, no index": "price",
    "two directions": "price,-created_at",
}


def measure() -> list[Figure]:
    """Measure in a portal of its own, both sides in turn; all products are of one moment."""
    tenant = open_portal("bench-pages")
    with tenant_scope(tenant):
        Product.objects.bulk_create(
            [Product(name=f"P {n}", slug=f"p{n}", price=n % 7 + 1) for n in range(PRODUCTS)],
            batch_size=2000,
        )
        Product.objects.update(created_at=timezone.now())
        connection.cursor().execute("ANALYZE")
    api = Api(tenant.primary_host).signed_in("owner@bench.example")
    return [_ratio(api, name, ordering) for name, ordering in ORDERINGS.items()]


def _ratio(api: Api, name: str, ordering: str) -> Figure:
    first = f"/api/products/?ordering={ordering}&page_size=50"
    deep = first.replace("=50", "=100")
    for _ in range(DEPTH // 100):
        deep = api.get(deep).json()["next"]
    deep = deep.replace("page_size=100", "page_size=50")
    times: dict[str, list[float]] = {first: [], deep: []}
    for _ in range(TURNS):
        for url, taken in times.items():
            taken.append(seconds(lambda url=url: api.get(url)))
    ratio = statistics.median(times[deep]) / statistics.median(times[first])
    return Figure(f"page after 15,000 of 20,000 alike, {name}, times", ratio, "x", at_most=1.5)
