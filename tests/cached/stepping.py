"""Run something else at a chosen line of what runs: each interleaving once, and again the same."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

from django.db import connections

ROOT = Path(__file__).parents[2]
STEPPED = (
    *(str(path) for path in (ROOT / "tenant_apps/cached").glob("*.py")),
    str(ROOT / "shared_apps/tenants/postgresql/base.py"),
)


_other = ThreadPoolExecutor(1)


def elsewhere[R](work: Callable[[], R]) -> R:
    """Return what ``work`` returns in another thread, and so on another connection."""
    return _other.submit(work).result(30)


def close_elsewhere() -> None:
    """Close the other thread's connection."""
    elsewhere(connections.close_all)


def stepped[R](work: Callable[[], R], line: int, other: Callable[[], object]) -> tuple[R, int]:
    """Return what ``work`` returns, and its lines; before its ``line``-th, ``other`` has run."""
    lines = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal lines
        if frame.f_code.co_filename not in STEPPED:
            return None
        if event == "line":
            lines += 1
            if lines == line:
                sys.settrace(None)
                frame.f_trace = None
                elsewhere(other)
                sys.settrace(trace)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return work(), lines
    finally:
        sys.settrace(before)
