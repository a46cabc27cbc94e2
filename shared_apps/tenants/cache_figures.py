"""How often answers were there already, by tenant: counted here, told to Redis now and then."""

import threading
from collections import Counter
from contextlib import suppress
from uuid import UUID

import redis

from .redis_client import shared
from .scope import active_tenant

# So many lookups are told at once; those of a process that dies are lost.
_TOLD_EVERY = 200
_KEPT_SECONDS = 30 * 86400


class Figures:
    """The lookups of a process that were not yet told; safe to use from many threads."""

    def __init__(self) -> None:
        self._counted: dict[UUID, Counter[str]] = {}
        self._lock = threading.Lock()

    def count(self, what: str) -> None:
        """Count one of ``what`` ("hits" or "misses") of the active tenant."""
        tenant = active_tenant().id
        with self._lock:
            counted = self._counted.setdefault(tenant, Counter())
            counted[what] += 1
            if counted.total() < _TOLD_EVERY:
                return
            del self._counted[tenant]
        with suppress(redis.RedisError):
            _tell(_key(tenant), counted)

    def of(self, tenant: UUID) -> dict[str, int]:
        """Return a tenant's hits and misses as all processes told them, and this one's rest."""
        told: dict[bytes, bytes] = shared().hgetall(_key(tenant))  # type: ignore[assignment]
        with self._lock:
            rest = Counter(self._counted.get(tenant, {}))
        return dict(rest + Counter({key.decode(): int(value) for key, value in told.items()}))


def _key(tenant: UUID) -> str:
    return f"cached:{tenant}:figures"


def _tell(key: str, counted: Counter[str]) -> None:
    with shared().pipeline(transaction=False) as pipe:
        for what, times in counted.items():
            pipe.hincrby(key, what, times)
        pipe.expire(key, _KEPT_SECONDS)
        pipe.execute()


figures = Figures()
