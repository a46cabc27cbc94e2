"""Figures with targets, printed as one table."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Figure:
    """One measured number; ``at_most``/``at_least`` is its target, None for information."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool:
        """Whether the target is met (or there is none)."""
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    def line(self) -> str:
        """Return the table's row."""
        target = ""
        if self.at_most is not None:
            target = f"<= {self.at_most:g}"
        elif self.at_least is not None:
            target = f">= {self.at_least:g}"
        verdict = "" if not target else ("ok" if self.met else "MISSED")
        return f"{self.name:<62}{self.value:>10.2f} {self.unit:<6}{target:>10} {verdict:>7}"


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_of(times: int, work: Callable[[], object]) -> float:
    """Return the median of ``times`` runs, in seconds."""
    return statistics.median(seconds(work) for _ in range(times))
