"""How often what guesses or mails may be tried: counted in Redis, atomically, for everybody.

A limit is counted twice: by tenant and account, and by tenant and client address. Without Redis
it is refused with 503 until Redis is back.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from . import scope
from .redis_client import connected_to


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


def client_address(request: HttpRequest) -> str:
    """Return the client's address: see :func:`address_in`."""
    return address_in(request.META)


def address_in(meta: Mapping[str, Any]) -> str:
    """Return the client's address as the last proxy we trust saw it, of a request's ``META``.

    ``TRUSTED_PROXIES`` is how many stand before us; each appends to X-Forwarded-For, so what a
    client writes there itself is further left, and never looked at.
    """
    address = str(meta.get("REMOTE_ADDR") or "unknown")
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in meta.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(hops) >= settings.TRUSTED_PROXIES and hops[-settings.TRUSTED_PROXIES]:
            address = hops[-settings.TRUSTED_PROXIES]
    return address


def count(name: str, request: HttpRequest, account: str = "") -> None:
    """Count one try of ``name`` (a key of ``settings.LIMITS``) by ``account`` and by address.

    Raises:
        TooOften: one of the limits is exhausted.
        LimitsUnavailable: Redis cannot be asked.

    """
    limit = settings.LIMITS[name]
    key = scope.current_key() or "none"
    keys = [(limit["address"], ("address", client_address(request)))]
    if account and limit.get("account"):
        # A digest: the key is of bounded length, and Redis holds no list of addresses.
        digest = sha256(account.strip().lower().encode()).hexdigest()
        keys.append((limit["account"], ("account", digest)))
    limiter = MovingWindowRateLimiter(_storage(settings.CACHE_URL))
    try:
        for rate, (kind, who) in keys:
            item, full = parsed(rate), (name, key, kind, who)
            if not limiter.hit(item, *full):
                until = limiter.get_window_stats(item, *full).reset_time
                raise TooOften(max(1, round(until - time.time())))
    except redis.RedisError as error:
        raise LimitsUnavailable from error


@lru_cache(maxsize=4)
def _storage(url: str) -> RedisStorage:
    return RedisStorage(url, connected_to(url).connection_pool, key_prefix="limits")


@lru_cache(maxsize=64)
def parsed(rate: str) -> RateLimitItem:
    """Return what a text such as ``10/minute`` says."""
    return parse(rate)
