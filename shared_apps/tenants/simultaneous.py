"""How many requests of one tenant are answered at once: the others keep the other threads.

Each of ``settings.WEB_PROCESSES`` has its share of the limit, which it counts by itself, at no
cost; what the shares leave over is lent in Redis to whichever needs more.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import redis
import structlog
from django.conf import settings

from .active import ActiveTenant
from .redis_client import shared

log = structlog.get_logger(__name__)

LIMIT = "simultaneous_requests"
# A process that dies gives nothing back: what it borrowed falls back after so many seconds.
_LENT_SECONDS = 120
_BORROW = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


class TooManyAtOnce(Exception):
    """The tenant's requests under way are as many as its plan lets be answered."""


class Simultaneous:
    """The requests of a process under way, by tenant; safe to use from many threads."""

    def __init__(self) -> None:
        self._under_way: dict[UUID, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def one_of(self, tenant: ActiveTenant) -> Iterator[None]:
        """Count a request for as long as it lasts.

        Raises:
            TooManyAtOnce: there are so many already.

        """
        most = tenant.entitlements.limit(LIMIT)
        if most is None:
            yield
            return
        # Half is lent, so that a process that happens to get more requests can answer them.
        share = most if settings.WEB_PROCESSES == 1 else most // 2 // settings.WEB_PROCESSES
        with self._lock:
            now = self._under_way.get(tenant.id, 0)
            if now >= most:
                raise TooManyAtOnce
            self._under_way[tenant.id] = now + 1
        try:
            if now < share:
                yield
            else:
                with _borrowed(tenant, most - share * settings.WEB_PROCESSES):
                    yield
        finally:
            with self._lock:
                if self._under_way[tenant.id] == 1:
                    del self._under_way[tenant.id]
                else:
                    self._under_way[tenant.id] -= 1


@contextmanager
def _borrowed(tenant: ActiveTenant, most: int) -> Iterator[None]:
    """Hold one of the ``most`` that are lent; without Redis, go on without."""
    key, one = f"limits:simultaneous:{tenant.id}", uuid4().hex
    try:
        lent = shared().register_script(_BORROW)(keys=[key], args=[one, most, _LENT_SECONDS])
    except redis.RedisError:
        log.warning("limits_without_redis", limit=LIMIT)
        lent = 1
    if not lent:
        raise TooManyAtOnce
    try:
        yield
    finally:
        try:
            shared().zrem(key, one)
        except redis.RedisError:
            log.warning("limits_without_redis", limit=LIMIT)


simultaneous = Simultaneous()
