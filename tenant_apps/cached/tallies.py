"""Tallies: counted in Redis by whoever reads, written to rows now and then.

So a read writes nothing to the database. Of a Redis that loses its memory, the last few seconds'
are lost.
"""

from typing import Any
from uuid import UUID

import redis
import structlog

from shared_apps.tenants.redis_client import ask, shared
from shared_apps.tenants.scope import active_tenant

log = structlog.get_logger(__name__)


def _key(name: str) -> str:
    return f"tallies:{name}:{active_tenant().id}"


def tally(name: str, member: str) -> None:
    """Add one to what ``name`` counts of ``member``, in the active tenant; best effort."""
    try:
        ask(
            ("HINCRBY", _key(name), member, "1"),
            ("SADD", f"tallies:{name}", str(active_tenant().id)),
        )
    except redis.RedisError:
        log.warning("not_tallied", name=name)


def take_tallies(name: str) -> dict[str, int]:
    """Take what was counted in the active tenant since the last time."""
    with shared().pipeline() as pipe:
        pipe.hgetall(_key(name))
        pipe.delete(_key(name))
        counted: dict[bytes, bytes] = pipe.execute()[0]
    return {member.decode(): int(times) for member, times in counted.items()}


def tallied_tenants(name: str) -> list[UUID]:
    """Take the ids of tenants in which something was counted."""
    taken: Any = shared().spop(f"tallies:{name}", 1000)
    return [UUID(tenant.decode()) for tenant in taken or []]
