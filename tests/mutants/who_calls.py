"""A pytest plugin: which tests reach which function that mutmut has mutants of."""

import gc
import json
import os
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from mutmut.state import state

_Cached = type(lru_cache(abs))
_cached: list[Any] = []
_reached: dict[str, set[str]] = defaultdict(set)
_seconds: dict[str, float] = defaultdict(float)


def _take(test: str) -> None:
    for function in state()._stats:
        _reached[function].add(test)
    state()._stats.clear()


def pytest_collection_finish() -> None:
    """What is reached without a test is reached by importing."""
    _take("")
    for thing in gc.get_objects():
        # Not isinstance(): it would wake Django's lazy objects.
        if type(thing) is _Cached and thing.__module__.startswith(("shared_", "tenant_")):
            _cached.append(thing)


def pytest_runtest_setup() -> None:
    """Let each test reach what is remembered of an earlier one's call."""
    for cached in _cached:
        cached.cache_clear()


def pytest_runtest_logreport(report: Any) -> None:
    _take(report.nodeid)
    _seconds[report.nodeid] += report.duration if report.when == "call" else 0


def pytest_unconfigure() -> None:
    found = {
        "tests": {function: sorted(tests) for function, tests in _reached.items()},
        "seconds": _seconds,
    }
    Path(os.environ["MUTANTS_WHO_CALLS"]).write_text(json.dumps(found))
