"""A portal that is suspended or being closed is open to its owners alone: to pay, and to export.

Nothing of that is for API keys.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import PermissionDenied

from shared_apps.tenants import scope
from shared_apps.tenants.deeds import SIGNING_PATHS
from shared_apps.tenants.errors import error_answer
from shared_apps.tenants.gate import Refusal, refused_but_owners

from .roles.ownership import is_owner


def why_not(user: Any) -> Refusal | None:
    """Return None if ``user`` may be in the active tenant as it is now; else what they are told."""
    why = refused_but_owners(scope.active_tenant())
    return None if why is None or is_owner(user) else why


def check_may_be_here(user: Any) -> None:
    """Let only owners on where nobody else is to be.

    Raises:
        PermissionDenied: with the gate's own code.

    """
    if why := why_not(user):
        raise PermissionDenied(why.detail, why.code)


class OwnersAlone:
    """Middleware: the same of whoever is signed in with a browser; they may still sign out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or refuse."""
        active = scope.current()
        if active is None or active.tenant is None or request.path in SIGNING_PATHS:
            return self.get_response(request)
        is_closed = refused_but_owners(active.tenant) is not None
        if is_closed and request.user.is_authenticated and (why := why_not(request.user)):
            return error_answer(request, *why)
        return self.get_response(request)
