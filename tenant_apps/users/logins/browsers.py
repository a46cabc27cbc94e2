"""A browser's session is a login like any other: it is listed, and it ends when it is revoked."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse

from shared_apps.tenants.errors import out_of_reach

from ..models import RefreshFamily
from .origin import origin_of

_KEY = "_login"


def session_login(request: HttpRequest) -> UUID | None:
    """Return the id of the login that the request's session names."""
    name = request.session.get(_KEY)
    return None if name is None else UUID(name)


class BrowserLogins:
    """Write a row for each session that somebody signs in with, and end it with the row.

    A session that was signed out of, or in again as somebody else, ends its row.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, having dropped a session whose login has ended; 503 if that cannot be asked."""
        try:
            return self._answer(request)
        except OperationalError:
            # Django tells a middleware of a view's exceptions, but not of another one's.
            return out_of_reach(request)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        # Without a cookie the session is not touched: it would cost a Vary header everywhere.
        has_cookie = settings.SESSION_COOKIE_NAME in request.COOKIES
        before = session_login(request) if has_cookie else None
        if before is not None and not _goes_on(before):
            logout(request)
            before = None
        response = self.get_response(request)
        if has_cookie or request.session.modified:
            _follow(request, before)
        return response


def _goes_on(login: UUID) -> bool:
    """Ask whether the session's login is alive, and note that it is used."""
    row = RefreshFamily.objects.alive().filter(pk=login).first()
    if row is None:
        return False
    row.touch(seconds=settings.SESSION_COOKIE_AGE)
    return True


def _follow(request: HttpRequest, before: UUID | None) -> None:
    """Make the rows say what has become of the session in this request."""
    after = session_login(request)
    if before is not None and before != after:
        RefreshFamily(pk=before).end()
    user: Any = request.user
    if after is None and SESSION_KEY in request.session and user.is_authenticated:
        login = RefreshFamily.objects.open_browser(
            user=user, seconds=settings.SESSION_COOKIE_AGE, **origin_of(request)
        )
        request.session[_KEY] = str(login.pk)
