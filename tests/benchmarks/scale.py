"""Portals visited in turn, uncached: a thousand against ten.

A server of its own for each side and a request to each in turn, so that neither's connections
have seen what the other's have. ``BENCH_TENANTS`` (1000) is how many; fewer are for a quick look.
"""

import os
import statistics
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from django.db import connection

from shared_apps.tenants.scope import catalogue_scope
from tests.benchmarks.engine import Getting
from tests.benchmarks.figures import Figure, seconds
from tests.benchmarks.many import portals, proportional_megabytes
from tests.benchmarks.requests import Server, ours

FEW, ROUNDS = 10, 2


def measure(folder: Path) -> list[Figure]:
    """Measure from the second round on; the first makes what each connection remembers."""
    many = int(os.environ.get("BENCH_TENANTS", "1000"))
    hosts = portals(many)
    with (
        ours(folder / "few", CACHED_QUERIES="off", PGAPPNAME="bench-few") as few,
        ours(folder / "many", CACHED_QUERIES="off", PGAPPNAME="bench-many") as server,
    ):
        visits = {"few": _visits(few, hosts[:FEW]), "many": _visits(server, hosts)}
        times: dict[str, list[float]] = {name: [] for name in visits}
        for _ in range(many * (1 + ROUNDS)):
            for name, side in visits.items():
                times[name].append(seconds(next(side)))
        backends = {name: max(_backends(f"bench-{name}")) for name in visits}
    times = {name: each[many:] for name, each in times.items()}
    median = {name: statistics.median(each) for name, each in times.items()}
    p95 = {name: statistics.quantiles(each, n=20)[-1] for name, each in times.items()}
    return [
        Figure(f"uncached list, {FEW} portals in turn: median", median["few"] * 1000, "ms"),
        Figure(f"median, {many:,} in turn", median["many"] / median["few"], "x", at_most=1.2),
        Figure(f"p95, {many:,} in turn", p95["many"] / p95["few"], "x", at_most=1.2),
        Figure(f"a backend's memory after {FEW}", backends["few"], "MB"),
        Figure(f"a backend's memory after {many:,}", backends["many"], "MB", at_most=150),
    ]


def _visits(server: Server, hosts: list[str]) -> Iterator[Getting]:
    """Yield a request to each host in turn, for ever, over one connection."""
    get = Getting(server)
    for get.headers["Host"] in cycle(hosts):
        yield get


def _backends(name: str) -> list[float]:
    """Return the megabytes of each of PostgreSQL's processes that serve the server named."""
    with catalogue_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [name])
        return [proportional_megabytes(pid) for (pid,) in cursor.fetchall()]
