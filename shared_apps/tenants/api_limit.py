"""How many API requests a portal's plan gives a month, and which requests count.

Each that is answered under ``/api/`` of a portal, but those refused because a limit is reached or
the portal is not paid for (402, 429), and those that we failed at (5xx).
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from . import scope
from .active import ActiveTenant
from .api_use import api_use
from .errors import error_answer
from .gate import Refusal

_API = "/api/"
# Signing in, who one is, what was used, and paying.
ALWAYS_PATHS = ("/api/auth/", "/api/me/", "/api/usage/", "/api/billing/")
_UNCOUNTED = frozenset({402, 429})
_USED_UP = Refusal(
    402,
    "limit_reached",
    _(
        "The API requests of this portal's plan are used up for this month. A bigger plan gives"
        " more at once; on the first of next month (UTC) counting begins again."
    ),
)


def month_used_up(tenant: ActiveTenant) -> Refusal | None:
    """Return None if the portal has requests left, as far as this process has heard."""
    most = tenant.entitlements.limit("requests_per_month")
    return None if most is None or api_use.so_far(tenant.id) < most else _USED_UP


class ApiLimit:
    """Middleware inside the tenant's scope: refuse what is beyond the month, count the rest."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and count that."""
        active = scope.current()
        tenant = active.tenant if active else None
        if tenant is None or not request.path.startswith(_API):
            return self.get_response(request)
        if not request.path.startswith(ALWAYS_PATHS) and (why := month_used_up(tenant)):
            return error_answer(request, *why)
        response = self.get_response(request)
        if response.status_code < 500 and response.status_code not in _UNCOUNTED:
            api_use.count(tenant.id)
        return response
