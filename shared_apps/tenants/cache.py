"""Cache keys that carry the tenant: ``CACHES[...]["KEY_FUNCTION"]``."""

from . import scope


def make_key(key: str, key_prefix: str, version: int) -> str:
    """Return the Redis key: the tenant's id (or ``public``), version and ``key``.

    Raises:
        NoActiveTenant: outside a tenant's scope and the public one.

    """
    active = scope.current()
    if active is None or active.kind not in ("tenant", "public"):
        raise scope.NoActiveTenant("the cache")
    owner = active.tenant.id if active.tenant else "public"
    return f"{key_prefix}{owner}:{version}:{key}"


def reverse_key(key: str) -> str:
    """Return the caller's key of a Redis key."""
    return key.split(":", 2)[2]
