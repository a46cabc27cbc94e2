"""The process-wide content-type caches, made safe for many schemas.

Tenants share one cache, since every tenant has the template's ids; public and the owner's
scopes each have their own. Django keeps one dict per database alias, and django-guardian an
``lru_cache`` for ever: with either, threads of public and a tenant read each other's ids.
"""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from guardian import shortcuts

from . import scope


def _family() -> str:
    active = scope.current()
    if active is None:
        return "none"
    return "tenant" if active.kind == "tenant" else active.key


class ScopedCache(dict[Any, Any]):
    """``ContentTypeManager._cache``, keyed by alias and family of scopes."""

    def __getitem__(self, using: str) -> Any:
        return super().__getitem__((using, _family()))

    def setdefault(self, using: str, default: Any = None) -> Any:
        """As ``dict.setdefault``, within the active family."""
        return super().setdefault((using, _family()), default)


def _content_type_of(app_label: str, codename: str) -> ContentType:
    return ContentType.objects.get(app_label=app_label, permission__codename=codename)


def install() -> None:
    """Replace both caches; called once, from the app's ``ready()``."""
    ContentType.objects._cache = ScopedCache()  # type: ignore[attr-defined]  # Django's own cache
    _content_type_of.cache_clear = lambda: None  # type: ignore[attr-defined]  # post_migrate calls it
    shortcuts._get_ct_cached = _content_type_of  # type: ignore[assignment]  # was an lru_cache
