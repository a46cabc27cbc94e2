"""Single flight: of many who miss the same answer at once, one makes it, in all processes."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

import redis

from shared_apps.tenants.redis_client import ask, shared

# Whoever waits for another waits so long, and then makes it itself.
PATIENCE = 2.0
_STEP = 0.005


class Flights:
    """What this process makes at the moment; safe to use from many threads."""

    def __init__(self) -> None:
        self._under_way: dict[str, Future[bytes]] = {}
        self._lock = threading.Lock()

    def once(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Return what ``make`` returns or raises, to all who ask for ``key`` meanwhile."""
        with self._lock:
            flight = self._under_way.get(key)
            if is_mine := flight is None:
                flight = self._under_way[key] = Future()
        if is_mine:
            try:
                flight.set_result(make())
            except BaseException as error:  # raised below, to everybody
                flight.set_exception(error)
            with self._lock:
                del self._under_way[key]
        return flight.result()


class Turns:
    """For what is asked by one of many threads: the others wait, and look what it found."""

    def __init__(self) -> None:
        self._under_way: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    @contextmanager
    def by_one(self, key: str) -> Iterator[bool]:
        """Be the one who asks; or wait, for so long, until whoever does has done it."""
        with self._lock:
            done = self._under_way.get(key)
            if is_mine := done is None:
                done = self._under_way[key] = threading.Event()
        if not is_mine:
            done.wait(PATIENCE)
        try:
            yield is_mine
        finally:
            if is_mine:
                with self._lock:
                    del self._under_way[key]
                done.set()


def mark_of(key: str) -> str:
    """Return the Redis key of the mark that somebody makes ``key``."""
    return f"{key}:flight"


def lead(key: str) -> tuple[str, ...]:
    """Return the command that marks ``key`` as being made, answered if nobody else makes it."""
    return "SET", mark_of(key), "1", "NX", "PX", str(int(1000 * PATIENCE))


def end(key: str) -> None:
    """Let another make ``key``: it was not kept."""
    with suppress(redis.RedisError):
        ask(("DEL", mark_of(key)))


def await_another[T](key: str, arrived: Callable[[], T | None]) -> T | None:
    """Return what another process makes, or None if it does not come."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and shared().exists(mark_of(key)):
        time.sleep(_STEP)
    return arrived()


flights = Flights()
