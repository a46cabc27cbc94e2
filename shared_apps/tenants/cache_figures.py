"""How often answers were there already, by tenant, of all processes together."""

from typing import Literal
from uuid import UUID

from .counts import counts
from .redis_client import shared
from .scope import active_tenant


def count_lookup(what: Literal["hits", "misses"]) -> None:
    """Count a look-up of the active tenant."""
    counts.add((_key(active_tenant().id), what))


def lookups_of(tenant: UUID) -> dict[str, int]:
    """Return a tenant's hits and misses; those of other processes up to a second ago.

    Raises:
        RedisError: it cannot be asked.

    """
    counts.tell()
    told: dict[bytes, bytes] = shared().hgetall(_key(tenant))  # type: ignore[assignment]
    return {what.decode(): int(times) for what, times in told.items()}


def _key(tenant: UUID) -> str:
    return f"cached:{tenant}:figures"
