"""What the server keeps: objects, events, its own time and what falls due."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from heapq import heappush
from itertools import count
from random import Random
from string import ascii_letters, digits
from threading import RLock
from typing import Any

import orjson
import stripe

from .errors import Refused, no_such

Object = dict[str, Any]

NOBODY = {"id": None, "idempotency_key": None}


def seconds() -> float:
    """Return a clock that a test which travels does not move."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def copied(obj: Object) -> Object:
    return orjson.loads(orjson.dumps(obj))


def changes(before: Object, after: Object) -> Object:
    """Return what changed as it was before: ``previous_attributes``."""
    found: Object = {}
    for name in {**after, **before}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        both = isinstance(old, dict) and isinstance(new, dict)
        found[name] = changes(old, new) if both else old
    return found


class State:
    """Objects by kind and id in the order of their making. Hold ``lock`` while using it."""

    def __init__(self, seed: int = 0) -> None:
        self.lock = RLock()
        self.objects: defaultdict[str, dict[str, Object]] = defaultdict(dict)
        self.kind_of: dict[str, str] = {}
        self.failing: set[str] = set()  # customers and cards
        self.pending: dict[str, list[Object]] = {}  # lines for a subscription's next invoice
        self.bought: dict[str, Object] = {}  # what a Checkout session sells
        self.after_retries = "canceled"
        self.request: Object = NOBODY
        self.due: list[tuple[int, int, str, str]] = []
        self._random = Random(seed)
        self._numbers = count()
        self._start = time.time() - seconds()
        self.account_id = self.new_id("acct_1", 15)
        self.portal_configuration = self.new_id("bpc_1")

    @property
    def now(self) -> int:
        """The server's own time, in seconds since 1970."""
        return int(self._start + seconds())

    def move_to(self, when: int) -> None:
        self._start += max(0, when - self.now)

    def new_id(self, prefix: str, length: int = 24) -> str:
        return prefix + "".join(self._random.choices(ascii_letters + digits, k=length))

    def add(self, obj: Object) -> Object:
        self.objects[obj["object"]][obj["id"]] = obj
        self.kind_of[obj["id"]] = obj["object"]
        return obj

    def get(self, kind: str, id_: str, param: str = "id") -> Object:
        """Return the object; 404 where the path names it, 400 where a parameter does."""
        obj = self.objects[kind].get(id_)
        if obj is None:
            raise no_such(kind.split(".")[-1], id_, param, 404 if param == "id" else 400)
        return obj

    def find(self, id_: str) -> Object | None:
        return self.objects[self.kind_of[id_]].get(id_) if id_ in self.kind_of else None

    def live(self, kind: str, id_: str, param: str = "id") -> Object:
        """Return an object that was not deleted."""
        obj = self.get(kind, id_, param)
        if obj.get("deleted"):
            raise no_such(kind, id_, param, 404 if param == "id" else 400)
        return obj

    def at(self, when: int, what: str, id_: str) -> None:
        """Have ``clock`` do ``what`` to the object at that time."""
        heappush(self.due, (when, next(self._numbers), what, id_))

    def emit(self, type_: str, obj: Object, previous: Object | None = None) -> Object:
        """Write an event with the object as it is now."""
        data = {"object": copied(obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        return self.add(
            {
                "id": self.new_id("evt_1"),
                "object": "event",
                "api_version": stripe.api_version,
                "created": self.now,
                "data": data,
                "livemode": False,
                "pending_webhooks": 1,
                "request": dict(self.request),
                "type": type_,
            }
        )

    @contextmanager
    def changing(self, obj: Object, type_: str) -> Iterator[None]:
        """Write the event of a change, if there was any."""
        before = copied(obj)
        yield
        previous = changes(before, obj)
        if previous:
            self.emit(type_, obj, previous)

    def listed(
        self,
        kind: str,
        url: str,
        keep: Callable[[Object], bool] = lambda obj: True,
        *,
        limit: int = 10,
        starting_after: str | None = None,
        ending_before: str | None = None,
        created: int | dict[str, int] | None = None,
    ) -> Object:
        """Return a page, newest first."""
        if not 1 <= limit <= 100:
            text = "This value must be between 1 and 100 (inclusive)."
            raise Refused(400, text, code="parameter_invalid_integer", param="limit")
        rows = self.objects[kind]
        cursor = ending_before or starting_after
        objects = iter(rows.values()) if ending_before else reversed(rows.values())
        if cursor is not None:
            if cursor not in rows:
                param = "ending_before" if ending_before else "starting_after"
                raise no_such(kind, cursor, param, 400)
            for obj in objects:
                if obj["id"] == cursor:
                    break
        page: list[Object] = []
        for obj in objects:
            if len(page) > limit:
                break
            if not obj.get("deleted") and within(obj.get("created", 0), created) and keep(obj):
                page.append(obj)
        has_more = len(page) > limit
        page = page[:limit]
        return {
            "object": "list",
            "data": page[::-1] if ending_before else page,
            "has_more": has_more,
            "url": url,
        }


def within(value: int, wanted: int | dict[str, int] | None) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return value == wanted
    return (
        value >= wanted.get("gte", value)
        and value <= wanted.get("lte", value)
        and value > wanted.get("gt", value - 1)
        and value < wanted.get("lt", value + 1)
    )


def with_metadata(obj: Object, metadata: Any) -> None:
    """Merge metadata as Stripe does: an empty value takes a key away, '' takes all."""
    if metadata == "":
        obj["metadata"] = {}
        return
    merged = {**(obj["metadata"] or {}), **(metadata or {})}
    obj["metadata"] = {key: value for key, value in merged.items() if value != ""}


def whole(delta: timedelta) -> int:
    return int(delta.total_seconds())
