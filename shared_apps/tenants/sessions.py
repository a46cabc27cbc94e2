"""A session belongs to the tenant it was made in, and says so."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars

from . import scope
from .errors import out_of_reach

_KEY = "_tenant"


class SessionsOfOneTenant:
    """Write the scope into each session and drop one that names another.

    Sessions lie in the tenant's own schema, so a foreign one is not even found; this holds if
    rows were ever copied from one schema to another.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, having dropped a session of another tenant."""
        key = scope.current_key()
        # Without a cookie the session is not touched: it would cost a Vary header everywhere.
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            try:
                _check(request, key)
            except OperationalError:
                # Django tells a middleware of a view's exceptions, but not of another one's.
                return out_of_reach(request)
        response = self.get_response(request)
        if request.session.modified and not request.session.is_empty():
            request.session[_KEY] = key
        return response


def _check(request: HttpRequest, key: str | None) -> None:
    if request.session.get(_KEY, key) != key:
        logout(request)
    elif user := request.session.get(SESSION_KEY):
        bind_contextvars(user=user)
