"""What a search of one word costs, against reading every name and description for it."""

import statistics
from typing import Any

from django.db import connection
from django.db.models import Q

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.products.models import Product
from tests.benchmarks.figures import Figure, seconds
from tests.benchmarks.grants import open_portal

PRODUCTS, TURNS = 20_000, 40
WORDS = [
    *("walnut", "oak", "pine", "steel", "copper", "glass"),
    *("linen", "wool", "leather", "marble", "cork", "paper"),
]


def measure() -> list[Figure]:
    """Measure in a portal of its own, both sides in turn: a rare word, and one with an error."""
    tenant = open_portal("bench-search")
    with tenant_scope(tenant):
        _fill()
        connection.cursor().execute("ANALYZE")
        times: dict[str, list[float]] = {"every": [], "rare": [], "error": [], "common": []}
        assert _page(Product.objects.all().matching("zebrano")) == 20
        assert _page(Product.objects.all().matching("zebrno")) == 20
        for _ in range(TURNS):
            times["every"].append(seconds(lambda: _page(_containing("zebrano"))))
            for name, word in (("rare", "zebrano"), ("error", "zebrno"), ("common", "walnut")):
                found = Product.objects.all().matching(word)
                times[name].append(seconds(lambda found=found: _page(found)))
    median = {name: statistics.median(each) for name, each in times.items()}
    return [
        Figure("20,000 products read for a rare word", median["every"] * 1000, "ms"),
        Figure("the same by search, times the time", median["rare"] / median["every"], "x", 0.5),
        Figure("with a typing error, times the time", median["error"] / median["every"], "x", 0.5),
        Figure("a word of a third of them, times", median["common"] / median["every"], "x"),
    ]


def _containing(word: str) -> Any:
    return Product.objects.filter(Q(name__icontains=word) | Q(description__icontains=word))


def _page(products: Any) -> int:
    order = ["-relevance", "-id"] if "relevance" in products.query.annotations else ["-id"]
    return len(products.order_by(*order)[:20])


def _fill() -> None:
    def text(number: int, words: int) -> str:
        return " ".join(WORDS[(number * 7 + n * n * 5) % len(WORDS)] for n in range(words))

    Product.objects.bulk_create(
        [
            Product(
                name=f"{text(n, 3)} {n}{' zebrano' if n % 1000 == 0 else ''}",
                slug=f"p{n}",
                price=1,
                description=text(n + 1, 60),
            )
            for n in range(PRODUCTS)
        ],
        batch_size=2000,
    )
