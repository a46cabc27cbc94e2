"""Answers in Redis: each with its generation, a tenant's within so many bytes."""

import math
import random
import time
from dataclasses import dataclass

import redis
import structlog
from django.conf import settings

from shared_apps.tenants.redis_client import ask, shared
from shared_apps.tenants.scope import active_tenant

from .flights import lead, mark_of
from .generations import Tokens, generation, lease_key, leased

log = structlog.get_logger(__name__)

_KEEP = """
local value, index, sizes, flight = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local content, now, ms, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local function forget(key)
  local size = redis.call('HGET', sizes, key)
  if size then
    redis.call('HINCRBY', sizes, '', '-' .. size)
    redis.call('HDEL', sizes, key)
  end
  redis.call('ZREM', index, key)
end
forget(value)
for _, expired in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now)) do
  forget(expired)
end
while tonumber(redis.call('HGET', sizes, '') or 0) + #content > most do
  local oldest = redis.call('ZRANGE', index, 0, 0)[1]
  if not oldest then
    redis.call('DEL', sizes)
    break
  end
  redis.call('DEL', oldest)
  forget(oldest)
end
redis.call('SET', value, content, 'PX', ms)
redis.call('ZADD', index, now + ms, value)
redis.call('HSET', sizes, value, #content)
redis.call('HINCRBY', sizes, '', #content)
redis.call('PEXPIRE', index, 2 * ms)
redis.call('PEXPIRE', sizes, 2 * ms)
redis.call('DEL', flight)
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored answer: of which generation of which tables it is, what it took to make it.

    ``expires`` is when (seconds since the epoch), ``took`` in seconds.
    """

    tables: str
    generation: str
    expires: float
    took: float
    content: bytes

    @classmethod
    def read(cls, stored: bytes) -> "Entry":
        """Return what :meth:`written` wrote."""
        head, _, content = stored.partition(b"\n")
        tables, generation, expires, took = head.decode().split(" ")
        return cls(tables, generation, float(expires), float(took), content)

    def written(self) -> bytes:
        """Return it as it is kept."""
        head = f"{self.tables} {self.generation} {self.expires:.3f} {self.took:.6f}\n"
        return head.encode() + self.content

    def is_of(self, tokens: Tokens) -> bool:
        """Tell whether nothing was written to its tables since, and it need not be made anew."""
        return generation(tokens, self.tables.split(",")) == self.generation and not self.is_due()

    def is_due(self) -> bool:
        """Tell whether it is time to make it anew: the nearer its end and the dearer, the likelier.

        So one reader does, before it expires for all at once (optimal probabilistic early
        expiration, Vattani et al. 2015).
        """
        # 1 - random(): never 0.
        return time.time() - self.took * math.log(1 - random.random()) >= self.expires  # noqa: S311


def _prefix() -> str:
    tenant = active_tenant()
    return f"cached:{tenant.id}:{tenant.cache_generation}"


def key_of(name: str, arguments: str) -> str:
    """Return the Redis key of an answer: the tenant's alone."""
    return f"{_prefix()}:{name}:{arguments}"


def look_up(key: str) -> tuple[Tokens | None, Entry | None]:
    """Return the leased tokens and what is stored under ``key``, in one round trip.

    Raises:
        RedisError: Redis cannot be asked.

    """
    [[lease, stored]] = ask(("MGET", lease_key(), key))
    return leased(lease), None if stored is None else Entry.read(stored)


def take_lead(key: str) -> tuple[bool, Entry | None]:
    """Return whether nobody else makes what belongs under ``key``, and what is there.

    Whoever leads ends it: with :func:`keep` or :func:`.flights.end`.

    Raises:
        RedisError: Redis cannot be asked.

    """
    is_first, stored = ask(lead(key), ("GET", key))
    return bool(is_first), None if stored is None else Entry.read(stored)


def keep(key: str, entry: Entry, seconds: int) -> bool:
    """Store an answer for so long, and tell if it was; the tenant's oldest make room.

    What is too large is not, and nothing is without Redis.
    """
    content = entry.written()
    if len(content) > settings.CACHED_ENTRY_BYTES:
        return False
    keys = [key, f"{_prefix()}:index", f"{_prefix()}:sizes", mark_of(key)]
    numbers = [int(1000 * time.time()), 1000 * seconds, settings.CACHED_TENANT_BYTES]
    try:
        shared().register_script(_KEEP)(keys=keys, args=[content, *numbers])
    except redis.RedisError:
        log.warning("answer_not_kept", exc_info=True)
        return False
    return True
