"""The warm list while a writer changes a product every 100 ms: the slow reads against the median.

A read that comes after a change waits for the list to be made anew.
"""

import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.api import PASSWORD
from tests.benchmarks.figures import Figure
from tests.benchmarks.requests import Server, ours
from tests.stack.running import Http

TURNS = 5
EVERY_SECONDS = 0.1
PATH = "/api/products/"


def measure(folder: Path) -> list[Figure]:
    """Measure with and without the writer, in turn; the ratio is of reads of the same turn."""
    times: dict[str, list[tuple[float, float]]] = {"alone": [], "changing": []}
    with ours(folder / "changes") as server:
        owner = server.signed_in(email="owner@bench.example", password=PASSWORD)
        server.latencies(PATH)
        for _ in range(TURNS):
            times["alone"].append(server.latencies(PATH))
            with changing(owner):
                times["changing"].append(server.latencies(PATH))
    ratio = {
        name: statistics.median(slow / median for median, slow in each)
        for name, each in times.items()
    }
    median, slow = (statistics.median(one) for one in zip(*times["changing"], strict=True))
    return [
        Figure("warm list while a product changes every 100 ms: median", median, "ms"),
        Figure("the same: p99", slow, "ms"),
        Figure("p99 against the median, nothing changing", ratio["alone"], "x"),
        Figure("the same, a product changing", ratio["changing"], "x", at_most=3),
    ]


@contextmanager
def changing(owner: Server) -> Iterator[None]:
    """Change a product's price every 100 ms, by the API."""
    [product, *_] = json.loads(owner.get(PATH).body)["results"]
    stop, failed = threading.Event(), []

    def change() -> None:
        api = Http(owner.port, owner.host)
        started = time.monotonic()
        for number in count(1):
            body = json.dumps({"price": f"{number}.00"}).encode()
            answer = api.request("PATCH", f"{PATH}{product['id']}/", body, **owner.headers)
            if answer.status != 200:
                failed.append(answer.body)
            if stop.wait(max(started + number * EVERY_SECONDS - time.monotonic(), 0)):
                return

    writer = threading.Thread(target=change)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()
    assert not failed, failed[0]
