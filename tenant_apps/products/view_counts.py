"""How often products were looked at: counted in Redis, written to their rows now and then.

So a read writes nothing; of a Redis that loses its memory, the last seconds' views are lost.
"""

from typing import Any
from uuid import UUID

import redis

from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.scope import active_tenant

from .models import Product

_TENANTS = "counted:views"


def _key() -> str:
    return f"counted:views:{active_tenant().id}"


def count_view(product_id: Any) -> None:
    """Add one view; without Redis, to the row itself."""
    try:
        with shared().pipeline(transaction=False) as pipe:
            pipe.hincrby(_key(), str(product_id), 1)
            pipe.sadd(_TENANTS, str(active_tenant().id))
            pipe.execute()
    except redis.RedisError:
        Product.objects.all().add_views(product_id, 1)


def write_views() -> None:
    """Write the active tenant's views to their rows."""
    with shared().pipeline() as pipe:
        pipe.hgetall(_key())
        pipe.delete(_key())
        counted: dict[bytes, bytes] = pipe.execute()[0]
    # Each in a transaction of its own: none waits for a row while it holds another.
    for product_id, times in counted.items():
        Product.objects.all().add_views(UUID(product_id.decode()), int(times))


def counted_tenants() -> list[UUID]:
    """Take the tenants that have views to write."""
    taken: Any = shared().spop(_TENANTS, 1000)
    return [UUID(tenant.decode()) for tenant in taken or []]
