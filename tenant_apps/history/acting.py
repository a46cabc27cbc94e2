"""Who is acting: asked when a change is recorded, for as long as a request or a job lasts.

What is remembered is where to ask, not who it is: a token is read in the view, long after the
middleware. It counts in the scope it was entered in and in no other: an operator who signs a
company up is nobody in its portal.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import get_contextvars

from shared_apps.tenants import scope

_Who = Callable[[], Any]

_acting: ContextVar[tuple[str | None, _Who] | None] = ContextVar("freehold_acting", default=None)


@contextmanager
def _entered(who: _Who) -> Iterator[None]:
    token = _acting.set((scope.current_key(), who))
    try:
        yield
    finally:
        _acting.reset(token)


@contextmanager
def acting_as(user: Any) -> Iterator[None]:
    """Record what changes inside as done by ``user`` (None: by nobody)."""
    with _entered(lambda: user):
        yield


def acting_person() -> Any:
    """Return the person who is acting in the active scope, or None."""
    entered = _acting.get()
    if entered is None or entered[0] != scope.current_key():
        return None
    user = entered[1]()
    return user if user is not None and user.is_authenticated else None


def request_id() -> str | None:
    """Return the id of the running request, which ties together what it changed."""
    return get_contextvars().get("request_id")


class Acting:
    """Middleware: a request's changes are its user's, by session or by token.

    Django REST framework writes the user it found on Django's request, too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        with _entered(lambda: request.user):
            return self.get_response(request)
