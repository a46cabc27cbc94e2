"""Billing periods: whole intervals from an anchor, and shares of a period by the second."""

import calendar
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import count

from .state import Object

DAYS = {"day": 1, "week": 7}
MONTHS = {"month": 1, "year": 12}


def after(anchor: int, recurring: Object, times: int = 1) -> int:
    """Return the anchor plus so many intervals; the 31st falls on a shorter month's last day."""
    start = datetime.fromtimestamp(anchor, UTC)
    interval, steps = recurring["interval"], recurring["interval_count"] * times
    if interval in DAYS:
        return int((start + timedelta(days=DAYS[interval] * steps)).timestamp())
    month = start.month - 1 + MONTHS[interval] * steps
    year, month = start.year + month // 12, month % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())


def next_end(anchor: int, recurring: Object, since: int) -> int:
    """Return the first end of a period from the anchor after that time."""
    return next(end for n in count() if (end := after(anchor, recurring, n)) > since)


def share(amount: int, start: int, end: int, since: int) -> int:
    """Return what of the amount falls on the time from ``since`` to the period's end."""
    return round(Fraction(amount * max(0, end - since), max(1, end - start)))


def day(when: int) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%d %b %Y")
