"""Every response carries ``X-Request-Id``: the caller's if it is harmless, else a new one."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from uuid_utils.compat import uuid7

_HARMLESS = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIds:
    """Outermost middleware: sets ``request.id`` and the response's header."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Name the request and its answer."""
        given = request.headers.get("X-Request-Id", "")
        request.id = given if _HARMLESS.fullmatch(given) else str(uuid7())  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]  # set above
        return response
