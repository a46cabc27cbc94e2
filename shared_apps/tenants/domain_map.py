"""Host name -> tenant, cached in process and never more than a second behind.

Each process asks the database at most twice a second, with one indexed query, which tenants
changed in the last seconds, and forgets those; the query's cost does not grow with the number
of tenants. PostgreSQL is the only source: nothing is lost when a writer dies after its COMMIT.
Unknown hosts are not remembered: a portal must answer as soon as its sign-up did.
"""

import threading
import time
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from . import scope
from .active import ActiveTenant
from .models import Domain, Tenant

POLL_SECONDS = 0.4
# Longer than any transaction of ours lives (statement and idle timeouts are 10 s), so that no
# change can commit unseen behind a poll.
WINDOW_SECONDS = 30
MAX_HOSTS = 20_000


class DomainMap:
    """The cache of one process; safe to use from many threads."""

    def __init__(self) -> None:
        self._by_host: dict[str, ActiveTenant] = {}
        self._polled_at = 0.0
        self._polling = threading.Lock()

    def tenant_for(self, host: str) -> ActiveTenant | None:
        """Return the tenant behind ``host`` (lower case, no port), or None."""
        self._poll()
        return self._by_host.get(host) or self._load(host)

    def clear(self) -> None:
        """Forget everything."""
        self._by_host.clear()

    def _load(self, host: str) -> ActiveTenant | None:
        with scope.public_scope():
            domain = Domain.objects.select_related("tenant__plan").filter(host=host).first()
            if domain is None:
                return None
            found = domain.tenant.snapshot()
        if len(self._by_host) >= MAX_HOSTS:
            self.clear()
        self._by_host[host] = found
        return found

    def _poll(self) -> None:
        age = time.monotonic() - self._polled_at
        if age < POLL_SECONDS:
            return
        # A thread that finds another one polling goes on with what is there, unless that
        # could be older than we promise.
        if self._polling.acquire(blocking=age > 2 * POLL_SECONDS):
            try:
                if time.monotonic() - self._polled_at >= POLL_SECONDS:
                    self._forget_changed()
            finally:
                self._polling.release()

    def _forget_changed(self) -> None:
        started = time.monotonic()
        if started - self._polled_at > WINDOW_SECONDS / 2:
            self.clear()
        with scope.public_scope():
            since = Now() - timedelta(seconds=WINDOW_SECONDS)
            changed = dict(
                Tenant.objects.filter(changed_at__gt=since).values_list("id", "changed_at")
            )
        # What is held is compared, every host of it, and not the last poll: a slow load may have
        # stored an old state after the poll that saw the change.
        for host, held in list(self._by_host.items()) if changed else ():
            if changed.get(held.id, held.changed_at) != held.changed_at:
                self._by_host.pop(host, None)
        self._polled_at = started


domain_map = DomainMap()


def load_tenant(tenant_id: UUID) -> ActiveTenant | None:
    """Read one tenant from the database, past every cache; None if there is none."""
    with scope.public_scope():
        tenant = Tenant.objects.select_related("plan").filter(pk=tenant_id).first()
        return tenant.snapshot() if tenant else None
