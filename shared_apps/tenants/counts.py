"""Counts in Redis that cost a request nothing: collected in the process, told once a second.

What a process that is killed has not told is lost, and so is what Redis forgets.
"""

import atexit
import os
import threading

import redis
import structlog

from .redis_client import shared

log = structlog.get_logger(__name__)

TOLD_EVERY_SECONDS = 1.0
_KEPT_SECONDS = 30 * 86400


class Counts:
    """What a process counted and has not yet told; safe to use from many threads."""

    def __init__(self) -> None:
        self._begin()
        atexit.register(self.tell)
        # Neither the timer nor the counts are a child's.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._counted: dict[str, dict[str, int]] = {}

    def add(self, *members: tuple[str, str]) -> None:
        """Add one to each member (a hash's key, the field in it); all are told together."""
        with self._lock:
            is_first = not self._counted
            for key, field in members:
                counted = self._counted.setdefault(key, {})
                counted[field] = counted.get(field, 0) + 1
        if is_first:
            self._tell_soon()

    def tell(self) -> None:
        """Tell Redis what was counted; best effort."""
        told = self._take()
        if not told:
            return
        try:
            with shared().pipeline() as pipe:
                for key, counted in told.items():
                    for field, times in counted.items():
                        pipe.hincrby(key, field, times)
                    pipe.expire(key, _KEPT_SECONDS)
                pipe.execute()
        except redis.RedisError:
            log.warning("counts_not_told")

    def _take(self) -> dict[str, dict[str, int]]:
        with self._lock:
            taken, self._counted = self._counted, {}
        return taken

    def _tell_soon(self) -> None:
        timer = threading.Timer(TOLD_EVERY_SECONDS, self.tell)
        timer.daemon = True
        timer.start()


counts = Counts()
