"""How many requests of one tenant a process answers at once: the others keep its other threads.

Counted in the process, so that it costs nothing and cannot be left behind by one that dies.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from .active import ActiveTenant

LIMIT = "simultaneous_requests"


class TooManyAtOnce(Exception):
    """The tenant's requests under way are as many as its plan lets a process answer."""


class Simultaneous:
    """The requests under way, by tenant; safe to use from many threads."""

    def __init__(self) -> None:
        self._under_way: dict[UUID, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def one_of(self, tenant: ActiveTenant) -> Iterator[None]:
        """Count a request for as long as it lasts.

        Raises:
            TooManyAtOnce: there are so many already.

        """
        most = tenant.limits.get(LIMIT)
        with self._lock:
            now = self._under_way.get(tenant.id, 0)
            if most is not None and now >= most:
                raise TooManyAtOnce
            self._under_way[tenant.id] = now + 1
        try:
            yield
        finally:
            with self._lock:
                if self._under_way[tenant.id] == 1:
                    del self._under_way[tenant.id]
                else:
                    self._under_way[tenant.id] -= 1


simultaneous = Simultaneous()
