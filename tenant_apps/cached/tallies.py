"""Tallies: what was read how often, counted in Redis and written to rows now and then.

So a read writes nothing to the database: see :mod:`shared_apps.tenants.counts`.
"""

from uuid import UUID

from shared_apps.tenants.counts import counts
from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.scope import active_tenant


def _tenants(name: str) -> str:
    return f"tallies:{name}"


def _key(name: str) -> str:
    return f"tallies:{name}:{active_tenant().id}"


def tally(name: str, member: str) -> None:
    """Add one to what ``name`` counts of ``member``, in the active tenant; best effort."""
    counts.add((_key(name), member), (_tenants(name), str(active_tenant().id)))


def take_tallies(name: str) -> dict[str, int]:
    """Take what was counted in the active tenant since the last time."""
    return _take(_key(name))


def tallied_tenants(name: str) -> list[UUID]:
    """Take the ids of tenants in which something was counted."""
    return [UUID(tenant) for tenant in _take(_tenants(name))]


def _take(key: str) -> dict[str, int]:
    counts.tell()
    with shared().pipeline() as pipe:
        pipe.hgetall(key)
        pipe.delete(key)
        counted: dict[bytes, bytes] = pipe.execute()[0]
    return {member.decode(): int(times) for member, times in counted.items()}
