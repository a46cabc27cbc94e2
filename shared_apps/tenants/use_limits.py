"""How much anyone may ask: so many requests a minute of each caller, and of a portal by its plan.

Without Redis requests go on, under limits that are each process's own.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from . import scope
from .leases import Quota, Standing, leases
from .limits import TooOften, address_in, parsed


def count_use(request: HttpRequest, kind: str = "", who: str = "") -> None:
    """Count a request by its caller, ``who`` of ``kind`` (or the client's address), and by portal.

    ``kind`` is a key of ``settings.LIMITS["general"]``. Where the caller stands is told by the
    answer's headers: see :class:`RateLimitHeaders`.

    Raises:
        TooOften: one of the limits is exhausted.

    """
    may, standings = spend_use(request.META, kind, who)
    request.rate_limits = standings  # type: ignore[attr-defined]  # for the headers
    if not may:
        raise too_often(standings)


def too_often(standings: Iterable[Standing]) -> TooOften:
    """Return the refusal of a caller who stands so."""
    return TooOften(max(one.reset for one in standings if not one.remaining))


def spend_use(
    meta: Mapping[str, Any], kind: str = "", who: str = ""
) -> tuple[bool, list[Standing]]:
    """Count a request of this ``META``, if it may be; return that, and where the caller stands."""
    if not who:
        kind, who = "address", address_in(meta)
    rate = parsed(settings.LIMITS["general"][kind])
    owner = scope.current_key() or "none"
    quotas = [Quota("caller", f"{owner}:{kind}:{who}", rate.amount, rate.get_expiry())]
    active = scope.current()
    tenant = active.tenant if active else None
    if tenant and (most := tenant.entitlements.limit("requests_per_minute")):
        quotas.append(Quota("portal", f"{owner}:portal", most, 60))
    return leases.spend(quotas)


def limit_headers(standings: Iterable[Standing]) -> dict[str, str]:
    """Return the headers that tell a caller where they stand."""
    policies, rests = [], []
    for one in standings:
        policies.append(f'"{one.quota.name}";q={one.quota.amount};w={one.quota.seconds}')
        rests.append(f'"{one.quota.name}";r={one.remaining};t={one.reset}')
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(rests)}


class RateLimitHeaders:
    """Tell a caller where they stand, in the IETF draft's ``RateLimit`` and its policy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the headers if the request was counted."""
        response = self.get_response(request)
        if standings := getattr(request, "rate_limits", None):
            for name, value in limit_headers(standings).items():
                response[name] = value
        return response
