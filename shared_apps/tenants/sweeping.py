"""Which tenants have something in their outbox: a Redis set, and a full rotation behind it."""

from typing import Any
from uuid import UUID

import redis
import structlog
from django.conf import settings

from . import scope
from .models import Tenant, TenantStatus
from .redis_client import ask, connected_to

log = structlog.get_logger(__name__)

_KEY = "freehold:outboxes"


def _redis() -> redis.Redis:
    return connected_to(settings.BROKER_URL)


def mark_for_sweep() -> None:
    """Note, before the COMMIT, that the active tenant's outbox must be looked at.

    Without Redis the caller goes on: the hourly rotation finds the entry.
    """
    try:
        ask(("SADD", _KEY, str(scope.active_tenant().id)), server=_redis())
    except redis.RedisError:
        log.warning("sweep_mark_failed", exc_info=True)


def marked_tenants(count: int = 1000) -> list[UUID]:
    """Take up to ``count`` marked tenants; whoever takes them must sweep them."""
    marked: Any = _redis().spop(_KEY, count)
    return [UUID(raw.decode()) for raw in marked or []]


def all_tenants() -> list[UUID]:
    """Return every tenant whose tasks may run."""
    allowed = [TenantStatus.ACTIVE, TenantStatus.PAST_DUE]
    return list(Tenant.objects.filter(status__in=allowed).values_list("id", flat=True))
