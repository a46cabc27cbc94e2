"""Rules of cache, broker and Celery."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from redis.connection import parse_url

from .rule import rule

MAKE_KEY = "shared_apps.tenants.cache.make_key"
REVERSE_KEY = "shared_apps.tenants.cache.reverse_key"


def _caches() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from settings.CACHES.items()


@rule(
    "E010",
    "The keys of these caches carry no tenant: {}.",
    f"Set KEY_FUNCTION to {MAKE_KEY!r} and REVERSE_KEY_FUNCTION to {REVERSE_KEY!r}.",
)
def _foreign_keys() -> list[str]:
    ours = (MAKE_KEY, REVERSE_KEY)
    return [
        name
        for name, cache in _caches()
        if (cache.get("KEY_FUNCTION"), cache.get("REVERSE_KEY_FUNCTION")) != ours
    ]


@rule(
    "E011",
    "These caches unpickle what they read: {}. Who writes to Redis runs code here.",
    "Set OPTIONS['SERIALIZER'] to django_redis.serializers.json.JSONSerializer.",
)
def _pickling_caches() -> list[str]:
    return [
        name
        for name, cache in _caches()
        if "json" not in (serializer := str(cache.get("OPTIONS", {}).get("SERIALIZER", "")).lower())
        and "msgpack" not in serializer
    ]


def _place(url: str) -> tuple[Any, ...]:
    """Return server and database of a Redis URL, as far as names tell."""
    try:
        parts = parse_url(url)
    except ValueError:
        return (url,)
    host, port = parts.get("host", "localhost"), parts.get("port", 6379)
    return parts.get("path") or (host, port), parts.get("db", 0)


@rule(
    "E012",
    "Broker and cache share a database: {}. Flushing the cache would empty the queue.",
    "Give BROKER_URL and CACHE_URL databases, or servers, of their own.",
)
def _shared_redis() -> list[str]:
    broker = _place(settings.CELERY_BROKER_URL)
    urls = {"CACHE_URL": settings.CACHE_URL}
    for name, cache in _caches():
        location = cache.get("LOCATION", "")
        for url in [location] if isinstance(location, str) else location:
            urls[f"cache {name}"] = url
    return [name for name, url in urls.items() if _place(url) == broker]


@rule(
    "E013",
    "Celery takes or sends more than JSON: {}.",
    "Set CELERY_ACCEPT_CONTENT to ['json'] and CELERY_TASK_SERIALIZER to 'json'.",
)
def _celery_content() -> Iterator[str]:
    if list(getattr(settings, "CELERY_ACCEPT_CONTENT", [])) != ["json"]:
        yield "CELERY_ACCEPT_CONTENT"
    if getattr(settings, "CELERY_TASK_SERIALIZER", "json") != "json":
        yield "CELERY_TASK_SERIALIZER"


@rule(
    "E014",
    "A task is lost with the worker that has it: {}.",
    "Set these to True; tasks may run twice and are made for it.",
)
def _early_acknowledgements() -> list[str]:
    names = ("CELERY_TASK_ACKS_LATE", "CELERY_TASK_REJECT_ON_WORKER_LOST")
    return [f"{name} is off" for name in names if not getattr(settings, name, False)]


@rule(
    "E015",
    "The broker hands a task out again while it runs: {}.",
    "Keep CELERY_TASK_TIME_LIMIT below the transport's visibility_timeout.",
)
def _redelivery() -> list[str]:
    limit = getattr(settings, "CELERY_TASK_TIME_LIMIT", None)
    options = getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {})
    visible = options.get("visibility_timeout", 3600)
    return [] if limit and limit < visible else [f"limit {limit}, visibility_timeout {visible}"]
