"""Cached queries: an answer of the tenant's, never another's and never older than the last commit.

::

    @cached_query(Product, Category)
    def cheapest(category: str, limit: int) -> list[dict[str, str]]: ...

What is written to one of the models' tables, by whom and how ever, makes another generation, and
answers of the one before are not asked for any more: see :mod:`.generations`. Declare them in an
app's module ``cached``: every process imports those, so that every writer knows what is watched.
"""

import json
import time
from collections.abc import Callable, Iterable
from functools import partial, wraps
from hashlib import sha256

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection, models

from shared_apps.tenants.cache_figures import count_lookup
from shared_apps.tenants.postgresql.writes import watch

from .flights import await_another, end, flights
from .generations import generation, present
from .store import Entry, keep, key_of, look_up, take_lead

log = structlog.get_logger(__name__)

SECONDS = 300
# What views answer, and the audience that is nobody in particular: see :mod:`.views`.
READS, ANYONE = "reads", "anyone"


class CachedAnswers:
    """Answers (bytes) under one name that depend on the tables of ``depends_on`` and nothing else.

    What depends on a person, the time of day or a setting must be part of the arguments.
    """

    def __init__(
        self, name: str, depends_on: Iterable[type[models.Model]], seconds: int = SECONDS
    ) -> None:
        self.name = name
        self.tables = sorted(model._meta.db_table for model in depends_on)
        self.seconds = seconds
        watch.add(self.tables)

    def get(self, arguments: str, make: Callable[[], bytes]) -> tuple[bytes, str]:
        """Return the answer and how it was come by: ``hit``, ``miss`` or ``bypass``.

        A transaction sees what it has written itself: it always asks the database, and so does
        everybody while Redis is away.
        """
        if connection.in_atomic_block or not settings.CACHED_QUERIES:
            return make(), "bypass"
        key = key_of(self.name, arguments)
        try:
            tokens, entry = look_up(key)
            tokens = tokens or present()
            if entry and entry.is_of(tokens):
                count_lookup("hits")
                return entry.content, "hit"
            count_lookup("misses")
            now = generation(tokens, self.tables)
            return flights.once(f"{key} {now}", partial(self._make, key, now, make)), "miss"
        except redis.RedisError:
            log.warning("answered_without_redis", name=self.name)
            return make(), "bypass"

    def _make(self, key: str, now: str, make: Callable[[], bytes]) -> bytes:
        is_first, entry = take_lead(key)
        is_over = not is_first
        try:
            # Whoever is first may have looked just before somebody kept it.
            if entry is None or entry.generation != now:
                entry = None if is_first else await_another(key, partial(_arrived, key, now))
            if entry is None:
                started = time.perf_counter()
                content = make()
                took = time.perf_counter() - started
                expires = time.time() + self.seconds
                entry = Entry(",".join(self.tables), now, expires, took, content)
                is_over = keep(key, entry, self.seconds) or is_over
            return entry.content
        finally:
            if not is_over:
                end(key)


class Outdated(Exception):
    """There is an answer, which must be made anew."""


def stored(name: str, arguments: str) -> bytes | None:
    """Return an answer that is there already, of whichever tables; None if that cannot be told.

    Raises:
        Outdated: it is one of an earlier generation, or it is due.

    """
    if not settings.CACHED_QUERIES:
        return None
    try:
        tokens, entry = look_up(key_of(name, arguments))
        if entry is None:
            return None
        is_present = entry.is_of(tokens or present())
    except (redis.RedisError, DatabaseError):
        return None
    if not is_present:
        raise Outdated
    count_lookup("hits")
    return entry.content


def _arrived(key: str, now: str) -> Entry | None:
    _tokens, entry = look_up(key)
    return entry if entry and entry.generation == now else None


def cached_query[**P, R](
    *depends_on: type[models.Model], seconds: int = SECONDS
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Cache what a function returns (JSON), by its arguments (JSON, too) and the tenant."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name = f"{function.__module__}.{function.__qualname__}"
        answers = CachedAnswers(name, depends_on, seconds)

        @wraps(function)
        def cached(*args: P.args, **kwargs: P.kwargs) -> R:
            asked = json.dumps([args, kwargs], sort_keys=True)
            make = partial(_as_json, partial(function, *args, **kwargs))
            content, _how = answers.get(digest(asked), make)
            answer: R = json.loads(content)
            return answer

        return cached

    return decorate


def _as_json(function: Callable[[], object]) -> bytes:
    return json.dumps(function()).encode()


def digest(text: str) -> str:
    """Return a key of bounded length for any text."""
    return sha256(text.encode()).hexdigest()[:32]
