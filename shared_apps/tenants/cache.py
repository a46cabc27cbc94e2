"""Cache keys that carry the tenant and its generation: ``CACHES[...]["KEY_FUNCTION"]``."""

from . import scope


def make_key(key: str, key_prefix: str, version: int) -> str:
    """Return the Redis key: the tenant's id (or ``public``), its generation, version and ``key``.

    A tenant's cache is cleared by giving it another generation (``Tenant.clear_cache``); what
    was stored before is never asked for again and expires.

    Raises:
        NoActiveTenant: outside a tenant's scope and the public one.

    """
    active = scope.current()
    if active is None or active.kind not in ("tenant", "public"):
        raise scope.NoActiveTenant("the cache")
    owner = f"{active.tenant.id}:{active.tenant.cache_generation}" if active.tenant else "public:0"
    return f"{key_prefix}{owner}:{version}:{key}"


def reverse_key(key: str) -> str:
    """Return the caller's key of a Redis key."""
    return key.split(":", 3)[3]
