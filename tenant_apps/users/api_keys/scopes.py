"""What a key is good for: ``resource:action``. What is not named here is refused to every key."""

RESOURCES = ("products", "categories", "orders", "imports")
READ, WRITE = "read", "write"
SCOPES = tuple(f"{resource}:{action}" for resource in RESOURCES for action in (READ, WRITE))
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def scope_for(view: object, method: str) -> str | None:
    """Return the scope that a request needs, or None: the view declares no ``key_resource``."""
    resource = getattr(view, "key_resource", None)
    if resource is None:
        return None
    return f"{resource}:{READ if method in _SAFE_METHODS else WRITE}"
