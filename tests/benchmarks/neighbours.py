"""A portal beside one that sends ten times what its plan allows.

The neighbour has 600 requests a minute and sends some 100 a second for its product list; it is
answered at first and refused then, as it happens. The other reads its own list, warm, one
request after another.
"""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared_apps.plans.models import Plan
from shared_apps.tenants.models import Tenant
from shared_apps.tenants.scope import public_scope
from tests.benchmarks.engine import Getting
from tests.benchmarks.figures import Figure, seconds
from tests.benchmarks.orders import tenant_of
from tests.benchmarks.requests import Server, filled_portal, ours
from tests.stack.running import process

TURNS, REQUESTS = 8, 6000
LIMITS = {"requests_per_minute": 600, "simultaneous_requests": 8}
CONNECTIONS = 10
SCRIPT = "function delay() return 90 end"  # milliseconds, of each connection
PATH = "/api/products/"


def measure(folder: Path) -> list[Figure]:
    """Measure alone and with the neighbour, in turn."""
    noisy = filled_portal("bench-noisy")
    script = folder / "delay.lua"
    script.write_text(SCRIPT)
    with ours(folder / "neighbours") as server:
        with public_scope():
            plan = Plan.objects.create(
                code="bench-small", name="Small", price_month=0, limits=LIMITS
            )
            Tenant.objects.filter(pk=tenant_of(noisy).id).update(plan=plan)
        get = Getting(server)
        p95(get)
        alone, beside = [], []
        for _ in range(TURNS):
            alone.append(p95(get))
            with sending(Server(server.port, noisy, **server.headers), script):
                beside.append(p95(get))
        refused = b'"status":429' in (folder / "neighbours").read_bytes()
    assert refused
    return [
        Figure("a portal's p95 alone", statistics.median(alone) * 1000, "ms"),
        Figure(
            "the same, the neighbour sends ten times its limit",
            statistics.median(beside) / statistics.median(alone),
            "x",
            at_most=1.5,
        ),
    ]


def p95(get: Getting) -> float:
    """Return the 95th percentile of many requests, in seconds."""
    return statistics.quantiles((seconds(get) for _ in range(REQUESTS)), n=20)[-1]


@contextmanager
def sending(server: Server, script: Path) -> Iterator[None]:
    """Send requests all the while, whatever the answers."""
    headers = {"Host": server.host, **server.headers}
    options = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    with process(
        *("wrk", "-t1", f"-c{CONNECTIONS}", "-d600", "-s", str(script), *options),
        f"http://127.0.0.1:{server.port}{PATH}",
        log=script.with_suffix(".log"),
    ) as running:
        yield
        assert running.poll() is None
