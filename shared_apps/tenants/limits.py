"""How often something may be tried: counted in Redis, atomically, for everybody at once.

A limit is counted twice: by tenant and account, and by tenant and client address. Without Redis
what is only read goes on under a limit of the process's own; what guesses passwords or makes
tenants is refused with 503 until Redis is back.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

import redis
import structlog
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter, RateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import scope

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class TooOften(Exception):
    """A limit is exhausted; ``seconds`` until the next try can succeed."""

    seconds: int

    def __str__(self) -> str:
        return ngettext(
            "Too many attempts. Try again in %(seconds)s second.",
            "Too many attempts. Try again in %(seconds)s seconds.",
            self.seconds,
        ) % {"seconds": self.seconds}


class LimitsUnavailable(RuntimeError):
    """Redis cannot be asked, and this must not go on without."""

    def __str__(self) -> str:
        return _("This cannot be done at the moment. Please try again shortly.")


@lru_cache(maxsize=1)
def _shared() -> RateLimiter:
    return MovingWindowRateLimiter(
        RedisStorage(
            settings.CACHE_URL,
            key_prefix="limits",
            socket_connect_timeout=0.5,
            socket_timeout=0.5,
            # One try: whoever waits for this has a request open.
            retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]  # passed on to redis-py
        )
    )


@lru_cache(maxsize=1)
def _local() -> RateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())


def client_address(request: HttpRequest) -> str:
    """Return the client's address as the last proxy we trust saw it.

    ``TRUSTED_PROXIES`` is how many stand before us; each appends to X-Forwarded-For, so what a
    client writes there itself is further left, and never looked at.
    """
    address = str(request.META.get("REMOTE_ADDR") or "unknown")
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(hops) >= settings.TRUSTED_PROXIES and hops[-settings.TRUSTED_PROXIES]:
            address = hops[-settings.TRUSTED_PROXIES]
    return address


def count(name: str, request: HttpRequest, account: str = "") -> None:
    """Count one try of ``name`` (a key of ``settings.LIMITS``) by ``account`` and by address.

    Raises:
        TooOften: one of the limits is exhausted.
        LimitsUnavailable: Redis is down and ``name`` must not go on without.

    """
    limit = settings.LIMITS[name]
    key = scope.current_key() or "none"
    keys = [(limit["address"], ("address", client_address(request)))]
    if account and limit.get("account"):
        # A digest: the key is of bounded length, and Redis holds no list of addresses.
        digest = sha256(account.strip().lower().encode()).hexdigest()
        keys.append((limit["account"], ("account", digest)))
    for rate, (kind, who) in keys:
        _hit(_parsed(rate), (name, key, kind, who), fails_open=limit["fails_open"])


@lru_cache(maxsize=64)
def _parsed(rate: str) -> RateLimitItem:
    return parse(rate)


def _hit(item: RateLimitItem, key: tuple[str, ...], *, fails_open: bool) -> None:
    limiter = _shared()
    try:
        allowed = limiter.hit(item, *key)
    except redis.RedisError as error:
        if not fails_open:
            raise LimitsUnavailable from error
        log.warning("limits_without_redis", limit=key[0])
        limiter = _local()
        allowed = limiter.hit(item, *key)
    if not allowed:
        raise TooOften(_seconds_left(limiter, item, key))


def _seconds_left(limiter: RateLimiter, item: RateLimitItem, key: tuple[str, ...]) -> int:
    try:
        return max(1, round(limiter.get_window_stats(item, *key).reset_time - time.time()))
    except redis.RedisError:
        return item.get_expiry()
