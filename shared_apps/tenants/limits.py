"""How often something may be tried: counted in Redis, atomically, for everybody at once.

A limit is counted twice: by tenant and account, and by tenant and client address. Without Redis
what is only read goes on under a limit of the process's own; what guesses passwords or makes
tenants is refused with 503 until Redis is back.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

import redis
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from limits import RateLimitItem, RateLimitItemPerMinute, parse
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    RateLimiter,
)
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


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands with one limit: how many of how many are left, and until when."""

    name: str
    quota: int
    window: int
    remaining: int
    reset: int


@lru_cache(maxsize=1)
def _shared() -> RedisStorage:
    return RedisStorage(
        settings.CACHE_URL,
        key_prefix="limits",
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        # One try: whoever waits for this has a request open.
        retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]  # passed on to redis-py
    )


@lru_cache(maxsize=1)
def _local() -> MemoryStorage:
    return MemoryStorage()


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
        item, full = _parsed(rate), (name, key, kind, who)
        limiter, is_allowed = _hit(MovingWindowRateLimiter, item, full, limit["fails_open"])
        if not is_allowed:
            raise TooOften(_standing(limiter, name, item, full).reset)


def count_use(request: HttpRequest, account: str = "") -> None:
    """Count a request of general use: by ``account``, or the address, and by portal.

    A portal has as many a minute as its plan gives. Where the caller stands is told by the
    answer's headers: see :class:`RateLimitHeaders`.

    Raises:
        TooOften: one of the limits is exhausted.

    """
    limit = settings.LIMITS["general"]
    who = ("account", account) if account else ("address", client_address(request))
    counted: list[tuple[str, RateLimitItem, tuple[str, ...]]]
    counted = [("caller", _parsed(limit[who[0]]), who)]
    active = scope.current()
    if active and active.tenant and (most := active.tenant.limits.get("requests_per_minute")):
        counted.append(("portal", RateLimitItemPerMinute(most), ("portal",)))
    key = scope.current_key() or "none"
    standings: list[Standing] = []
    request.rate_limits = standings  # type: ignore[attr-defined]  # for the headers
    for name, item, about in counted:
        full = ("general", key, *about)
        # Counters, not moments: a plan's thousands would all be kept.
        limiter, is_allowed = _hit(FixedWindowRateLimiter, item, full, fails_open=True)
        standings.append(_standing(limiter, name, item, full))
        if not is_allowed:
            raise TooOften(standings[-1].reset)


class RateLimitHeaders:
    """Tell a caller where they stand, in the IETF draft's ``RateLimit`` and its policy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the headers if the request was counted."""
        response = self.get_response(request)
        if standings := getattr(request, "rate_limits", None):
            response["RateLimit-Policy"] = ", ".join(
                f'"{one.name}";q={one.quota};w={one.window}' for one in standings
            )
            response["RateLimit"] = ", ".join(
                f'"{one.name}";r={one.remaining};t={one.reset}' for one in standings
            )
        return response


@lru_cache(maxsize=64)
def _parsed(rate: str) -> RateLimitItem:
    return parse(rate)


def _hit(
    strategy: type[RateLimiter], item: RateLimitItem, key: tuple[str, ...], fails_open: bool
) -> tuple[RateLimiter, bool]:
    """Count; return what counted, Redis or this process without it, and whether it may be."""
    limiter = strategy(_shared())
    try:
        return limiter, limiter.hit(item, *key)
    except redis.RedisError as error:
        if not fails_open:
            raise LimitsUnavailable from error
        log.warning("limits_without_redis", limit=key[0])
    limiter = strategy(_local())
    return limiter, limiter.hit(item, *key)


def _standing(
    limiter: RateLimiter, name: str, item: RateLimitItem, key: tuple[str, ...]
) -> Standing:
    window = item.get_expiry()
    try:
        now = limiter.get_window_stats(item, *key)
    except redis.RedisError:
        return Standing(name, item.amount, window, 0, window)
    reset = max(1, round(now.reset_time - time.time()))
    return Standing(name, item.amount, window, now.remaining, reset)
