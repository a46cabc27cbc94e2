"""What tenancy costs: our engine against Django's own on a single schema.

Two servers answer the product list uncached, with the same code, settings and rows. One names
role and schema at every statement, as ever; the other has Django's engine, whose connections
are a superuser's and have the tenant's schema as their fixed search_path. What is done once a
request (routing by the host, limits, logs) is in both.
"""

import os
import statistics
from http.client import HTTPConnection
from pathlib import Path

from tests.benchmarks.figures import Figure, seconds
from tests.benchmarks.orders import tenant_of
from tests.benchmarks.requests import Server, filled_portal, ours

REQUESTS, WARM_UP = 1000, 50
PATH = "/api/products/"


def measure(folder: Path) -> list[Figure]:
    """Measure request by request in turn."""
    schema = tenant_of(filled_portal()).schema_name
    single = {
        "DJANGO_SETTINGS_MODULE": "tests.benchmarks.single_schema",
        "BENCH_SCHEMA": schema,
        "DATABASE_URL": os.environ["DATABASE_URL"].replace("//freehold_web@", "//postgres@"),
    }
    uncached = {"CACHED_QUERIES": "off"}
    with (
        ours(folder / "engine", **uncached) as tenants,
        ours(folder / "single", **uncached, **single) as one,
    ):
        sides = {"ours": tenants, "django's": one}
        times: dict[str, list[float]] = {name: [] for name in sides}
        gets = {name: Getting(side) for name, side in sides.items()}
        for _ in range(WARM_UP + REQUESTS):
            for name, get in gets.items():
                times[name].append(seconds(get))
    median = {name: statistics.median(each[WARM_UP:]) for name, each in times.items()}
    return [
        *(Figure(f"uncached list, engine {name}", median[name] * 1000, "ms") for name in median),
        Figure(
            "our engine against Django's own on one schema, more time",
            (median["ours"] / median["django's"] - 1) * 100,
            "%",
            at_most=5,
        ),
    ]


class Getting:
    """GET of one path over one kept connection."""

    def __init__(self, server: Server, path: str = PATH) -> None:
        self.connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.headers = {"Host": server.host, **server.headers}
        self.path = path

    def __call__(self) -> None:
        """Get it; it must succeed."""
        self.connection.request("GET", self.path, headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
