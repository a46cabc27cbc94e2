"""Whether broker and cache answer, are two, and the broker's Redis throws nothing away."""

from collections.abc import Iterator
from typing import Any

import redis
from django.conf import settings
from redis.connection import parse_url

from .finding import Finding, NotExamined, error, warning

_SECONDS = 2
KEEPS_ALL = "noeviction"


def _info(url: str) -> dict[str, Any]:
    """Return what the server says of itself, and ``db``, the number of the database."""
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise NotExamined(f"{url.partition(':')[0]} is no Redis URL")
    with redis.Redis.from_url(
        url, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS
    ) as client:
        return {**client.info(), "db": parse_url(url).get("db", 0)}


def _unreachable(name: str, setting: str, why: Exception) -> Finding:
    return error(name, f"cannot be reached: {why}", f"Start it, or correct {setting} or REDIS_URL.")


def broker() -> Iterator[Finding]:
    """Find a broker that is away, may throw messages away or forgets them in a restart."""
    try:
        info = _info(settings.BROKER_URL)
    except redis.RedisError as why:
        yield _unreachable("broker", "BROKER_URL", why)
        return
    if info["maxmemory_policy"] != KEEPS_ALL:
        yield _evicting(str(info["maxmemory_policy"]), str(info["run_id"]))
    if not _is_persistent(info):
        yield warning(
            "broker",
            "keeps nothing on disk: after a restart queued tasks wait for the sweeper",
            "Set appendonly yes.",
        )


def _evicting(policy: str, run_id: str) -> Finding:
    remedy = "Set maxmemory-policy noeviction."
    try:
        is_shared = _info(settings.CACHE_URL)["run_id"] == run_id
    except (redis.RedisError, NotExamined):
        is_shared = False
    if is_shared:
        remedy = (
            "The cache is on the same server, and the policy is the server's: give the cache a"
            " server of its own (CACHE_URL), which may evict, and the broker's noeviction."
        )
    return error("broker", f"evicts when memory is short ({policy}): tasks are lost", remedy)


def _is_persistent(info: dict[str, Any]) -> bool:
    if info.get("aof_enabled"):
        return True
    with redis.Redis.from_url(settings.BROKER_URL, socket_timeout=_SECONDS) as client:
        try:
            return bool(client.config_get("save").get("save"))
        except redis.ResponseError:
            # A hosted Redis hides CONFIG; its keeper answers for the disk.
            return True


def cache() -> Iterator[Finding]:
    """Find a cache that is away, or is the broker's own database."""
    try:
        info = _info(settings.CACHE_URL)
    except redis.RedisError as why:
        yield _unreachable("cache", "CACHE_URL", why)
        return
    try:
        other = _info(settings.BROKER_URL)
    except (redis.RedisError, NotExamined):
        return
    if (info["run_id"], info["db"]) == (other["run_id"], other["db"]):
        yield error(
            "cache",
            "is the broker's own database: flushing the one empties the other",
            "Give CACHE_URL another database number, or another server.",
        )
