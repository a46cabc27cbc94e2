"""Quotas that all processes spend together, and of which each takes some at a time from Redis.

A process spends a lease, a small part of what is left, before it asks again: most requests ask
nobody, a quota is never exceeded, and the less is left, the smaller are the leases, down to one.
What a process has not spent when the window ends falls away.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis
import structlog

from .redis_client import shared

log = structlog.get_logger(__name__)

# A lease is so small a part of what is left; with fewer left, it is one.
_SHARE = 64
# So many are remembered here; of one that is forgotten, what was not spent is lost.
_REMEMBERED = 20_000
_LEASE = """
local leases = {}
for i, key in ipairs(KEYS) do
  local left = tonumber(ARGV[2 * i - 1]) - tonumber(redis.call('GET', key) or 0)
  local held = 0
  if left > 0 then
    held = math.max(1, math.floor(left / tonumber(ARGV[#ARGV])))
    redis.call('INCRBY', key, held)
    if redis.call('PTTL', key) < 0 then
      redis.call('PEXPIRE', key, 1000 * ARGV[2 * i])
    end
  end
  leases[i] = {held, math.max(0, left - held), redis.call('PTTL', key)}
end
return leases
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """``amount`` in ``seconds``, counted under ``key``; ``name`` is what callers call it."""

    name: str
    key: str
    amount: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands with a quota: so many are left, and all again in ``reset`` seconds."""

    quota: Quota
    remaining: int
    reset: int


@dataclass(slots=True)
class _Lease:
    held: int
    beyond: int
    until: float


class Leases:
    """What a process holds of quotas; safe to use from many threads."""

    def __init__(self) -> None:
        self._leases: OrderedDict[Quota, _Lease] = OrderedDict()
        self._lock = threading.Lock()

    def spend(self, quotas: Sequence[Quota]) -> tuple[bool, list[Standing]]:
        """Spend one of each, or none where one is exhausted; tell which it was, and the standings.

        Without Redis a quota is this process's alone.
        """
        while True:
            with self._lock:
                now = time.monotonic()
                leases = [self._lease(quota, now) for quota in quotas]
                spent = [q for q, one in zip(quotas, leases, strict=True) if _is_spent(one)]
                if not spent:
                    return self._spend(quotas, leases, now)
            self._renew(spent)

    def clear(self) -> None:
        """Forget everything held."""
        with self._lock:
            self._leases.clear()

    def _lease(self, quota: Quota, now: float) -> _Lease:
        lease = self._leases.get(quota)
        return lease if lease and now < lease.until else _Lease(0, 1, 0)

    @staticmethod
    def _spend(
        quotas: Sequence[Quota], leases: list[_Lease], now: float
    ) -> tuple[bool, list[Standing]]:
        may = all(lease.held for lease in leases)
        if may:
            for lease in leases:
                lease.held -= 1
        standings = [
            Standing(quota, lease.held + lease.beyond, max(1, round(lease.until - now)))
            for quota, lease in zip(quotas, leases, strict=True)
        ]
        return may, standings

    def _renew(self, quotas: list[Quota]) -> None:
        now = time.monotonic()
        try:
            taken = _take(quotas)
        except redis.RedisError:
            log.warning("limits_without_redis", limit=quotas[0].name)
            taken = [(quota.amount, 0, 1000 * quota.seconds) for quota in quotas]
        with self._lock:
            for quota, (held, beyond, ms) in zip(quotas, taken, strict=True):
                # Another thread may have taken one, too.
                held += self._lease(quota, now).held
                self._leases[quota] = _Lease(held, beyond, now + ms / 1000)
                self._leases.move_to_end(quota)
            while len(self._leases) > _REMEMBERED:
                self._leases.popitem(last=False)


def _is_spent(lease: _Lease) -> bool:
    return not lease.held and lease.beyond > 0


def _take(quotas: list[Quota]) -> Any:
    """Return of each what is leased, what is left beyond it and the milliseconds of its window."""
    numbers = [number for quota in quotas for number in (quota.amount, quota.seconds)]
    keys = [f"limits:use:{quota.key}" for quota in quotas]
    return shared().register_script(_LEASE)(keys=keys, args=[*numbers, _SHARE])


leases = Leases()
