"""API requests by tenant and month (UTC): counted in the process, told to Redis once a second.

A telling has a number and is repeated until it is answered; the same number is counted once. So
what is lost is what a killed process had not told. What was told waits in a batch, whose id it has
from its first count on, for whoever writes it to the database (``billing.usage.flushing``).
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
import structlog
from uuid_utils.compat import uuid7

from .counts import Counts
from .redis_client import shared

log = structlog.get_logger(__name__)

_PENDING, _TAKEN = "usage:pending", "usage:taken"
_KEPT_SECONDS = 40 * 86400
_BATCH = "batch"
_TELL = """
local is_new = tonumber(redis.call('GET', KEYS[1]) or 0) < tonumber(ARGV[1])
if is_new then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', 86400)
  redis.call('HSETNX', KEYS[2], 'batch', ARGV[2])
end
local totals = {}
for i = 5, #ARGV, 2 do
  local times = is_new and ARGV[i + 1] or 0
  if is_new then
    redis.call('HINCRBY', KEYS[2], ARGV[i] .. ':' .. ARGV[3], times)
  end
  totals[#totals + 1] = redis.call('HINCRBY', KEYS[3], ARGV[i], times)
end
redis.call('EXPIRE', KEYS[3], ARGV[4])
return totals
"""
# The batch of somebody who did not come to its end goes before the next one.
_TAKE = """
if redis.call('EXISTS', KEYS[2]) == 0 and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[2])
end
return redis.call('HGETALL', KEYS[2])
"""
_DROP = """
if redis.call('HGET', KEYS[1], 'batch') == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
_RAISE = """
for i = 2, #ARGV, 2 do
  if tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was counted until it was taken: requests by tenant and month (``2026-10``)."""

    id: UUID
    requests: Mapping[tuple[UUID, str], int]


def this_month() -> str:
    """Return the present month (UTC), as ``2026-10``."""
    now = time.gmtime()
    return f"{now.tm_year}-{now.tm_mon:02}"


class ApiUse(Counts):
    """What a process counted, and what each month came to, of all processes, as last heard."""

    def _begin(self) -> None:
        super()._begin()
        self._telling = threading.Lock()
        self._process, self._number = uuid7().hex, 0
        self._untold: list[tuple[int, str, dict[str, int]]] = []
        self._totals: dict[str, dict[str, int]] = {}

    def count(self, tenant: UUID) -> None:
        """Count a request."""
        month, counted = this_month(), str(tenant)
        self.add((month, counted))
        with self._lock:
            known = self._known(month)
            known[counted] = known.get(counted, 0) + 1

    def so_far(self, tenant: UUID) -> int:
        """Return the month's requests: the own ones, and others' as of the last telling."""
        return self._totals.get(this_month(), {}).get(str(tenant), 0)

    def total(self, tenant: UUID, month: str) -> int:
        """Return what Redis knows of a month; the own requests are told before.

        Raises:
            RedisError: it cannot be asked.

        """
        self.tell()
        found: Any = shared().hget(_totals(month), str(tenant))
        return int(found or 0)

    def tell(self) -> None:
        """Tell Redis what was counted; what cannot be told is told the next time."""
        with self._telling:
            try:
                self._send_untold()
                for month, counted in self._take().items():
                    self._number += 1
                    self._untold.append((self._number, month, counted))
                self._send_untold()
            except redis.RedisError:
                log.warning("api_use_not_told")
                self._tell_soon()

    def _send_untold(self) -> None:
        while self._untold:
            number, month, counted = self._untold[0]
            numbers = [each for pair in counted.items() for each in pair]
            totals: Any = shared().register_script(_TELL)(
                keys=[f"usage:told:{self._process}", _PENDING, _totals(month)],
                args=[number, str(uuid7()), month, _KEPT_SECONDS, *numbers],
            )
            del self._untold[0]
            self._hear(month, dict(zip(counted, totals, strict=True)))

    def _hear(self, month: str, totals: Mapping[str, int]) -> None:
        if month != this_month():
            return
        with self._lock:
            known = self._known(month)
            for tenant, total in totals.items():
                known[tenant] = max(total, known.get(tenant, 0))

    def _known(self, month: str) -> dict[str, int]:
        # Of the months before, nobody asks.
        self._totals = {month: self._totals.get(month, {})}
        return self._totals[month]


def take_batch() -> Batch | None:
    """Take what was told, or once more what was taken and not dropped; None if there is nothing."""
    told: Any = shared().register_script(_TAKE)(keys=[_PENDING, _TAKEN])
    found = {told[i].decode(): told[i + 1].decode() for i in range(0, len(told), 2)}
    if not found:
        return None
    batch_id = UUID(found.pop(_BATCH))
    requests = {}
    for member, times in found.items():
        tenant, _, month = member.partition(":")
        requests[UUID(tenant), month] = int(times)
    return Batch(batch_id, requests)


def drop_batch(batch: Batch) -> None:
    """Forget a batch that is written; safe to repeat."""
    shared().register_script(_DROP)(keys=[_TAKEN], args=[str(batch.id)])


def raise_totals(month: str, totals: Mapping[UUID, int]) -> None:
    """Let no total of ``month`` be less than what is written, whatever Redis forgot."""
    numbers = [each for tenant, total in totals.items() for each in (str(tenant), total)]
    shared().register_script(_RAISE)(keys=[_totals(month)], args=[_KEPT_SECONDS, *numbers])


def _totals(month: str) -> str:
    return f"usage:totals:{month}"


api_use = ApiUse()
