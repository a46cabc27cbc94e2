"""What a doctor tells: what is wrong with what, and what to do about it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; errors make the doctor exit 1."""

    level: Level
    subject: str
    problem: str
    remedy: str


class NotExamined(RuntimeError):
    """An examination cannot be made here; the message says why."""


def error(subject: str, problem: str, remedy: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding("error", subject, problem, remedy)


def warning(subject: str, problem: str, remedy: str) -> Finding:
    """Return a finding that can be lived with."""
    return Finding("warning", subject, problem, remedy)


def some(names: Collection[str], shown: int = 3) -> str:
    """Return ``names`` as a subject: all of a few, or the first and how many there are."""
    first = ", ".join(sorted(names)[:shown])
    return first if len(names) <= shown else f"{len(names)} ({first}, ...)"
