"""How much anyone may ask: so many requests a minute of each caller, and of a portal by its plan.

Without Redis requests go on, under limits that are each process's own.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from . import scope
from .leases import Quota, leases
from .limits import TooOften, client_address, parsed


def count_use(request: HttpRequest, kind: str = "", who: str = "") -> None:
    """Count a request by its caller, ``who`` of ``kind`` (or the client's address), and by portal.

    ``kind`` is a key of ``settings.LIMITS["general"]``. Where the caller stands is told by the
    answer's headers: see :class:`RateLimitHeaders`.

    Raises:
        TooOften: one of the limits is exhausted.

    """
    if not who:
        kind, who = "address", client_address(request)
    rate = parsed(settings.LIMITS["general"][kind])
    owner = scope.current_key() or "none"
    quotas = [Quota("caller", f"{owner}:{kind}:{who}", rate.amount, rate.get_expiry())]
    active = scope.current()
    if active and active.tenant and (most := active.tenant.limits.get("requests_per_minute")):
        quotas.append(Quota("portal", f"{owner}:portal", most, 60))
    may, standings = leases.spend(quotas)
    request.rate_limits = standings  # type: ignore[attr-defined]  # for the headers
    if not may:
        raise TooOften(max(one.reset for one in standings if not one.remaining))


class RateLimitHeaders:
    """Tell a caller where they stand, in the IETF draft's ``RateLimit`` and its policy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the headers if the request was counted."""
        response = self.get_response(request)
        if standings := getattr(request, "rate_limits", None):
            response["RateLimit-Policy"] = ", ".join(
                f'"{one.quota.name}";q={one.quota.amount};w={one.quota.seconds}'
                for one in standings
            )
            response["RateLimit"] = ", ".join(
                f'"{one.quota.name}";r={one.remaining};t={one.reset}' for one in standings
            )
        return response
