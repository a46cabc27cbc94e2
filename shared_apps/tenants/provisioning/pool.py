"""The warm pool: ready schemas waiting for a sign-up."""

import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import connections
from django.db.models.functions import Now

from .. import scope
from ..models import Tenant, TenantStatus
from ..routers import OWNER_ALIAS
from .replay import close_tenants, provision

log = structlog.get_logger(__name__)

# A backend keeps some 0.3 MB for every schema it has made, and never gives it back.
SCHEMAS_A_CONNECTION = 25


class PoolEmpty(RuntimeError):
    """No ready tenant: the provisioner is behind; try again shortly."""


def claim(**values: object) -> Tenant:
    """Take a ready tenant for the caller's transaction; DML alone, no rights needed.

    Must run in the public scope and inside ``atomic()``: if that rolls back, the tenant is
    back in the pool. Rows that other sign-ups hold are skipped.

    Raises:
        PoolEmpty: none is ready.

    """
    tenant = Tenant.objects.ready().select_for_update(skip_locked=True).order_by("id").first()
    if tenant is None:
        raise PoolEmpty
    tenant.move_to(TenantStatus.ACTIVE, claimed_at=Now(), **values)
    return tenant


def fill(size: int) -> int:
    """Provision until ``size`` tenants are ready; return how many were made."""
    made = 0
    while True:
        with scope.owner_scope():
            missing = size - Tenant.objects.ready().count()
        if missing <= 0:
            return made
        provision()
        made += 1
        if made % SCHEMAS_A_CONNECTION == 0:
            connections[OWNER_ALIAS].close()


def keep(pool_size: int, should_stop: Callable[[], bool]) -> None:
    """Keep the pool filled and drop closed tenants until ``should_stop()``.

    Refilled in batches, from half empty: each new role costs every connection's next
    statement some milliseconds.
    """
    while not should_stop():
        try:
            with scope.owner_scope():
                ready = Tenant.objects.ready().count()
            if ready <= pool_size // 2:
                fill(pool_size)
            close_tenants()
        except Exception:
            # A lost connection, a lock held too long: the next round tries again.
            log.exception("provisioning_failed")
            connections[OWNER_ALIAS].close()
            time.sleep(2)
        time.sleep(settings.POOL_POLL_SECONDS)
