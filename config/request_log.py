"""A request's id, and its one line in the log."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from uuid_utils.compat import uuid7

from .logs import redact, write

_HARMLESS = re.compile(r"[A-Za-z0-9._-]{8,64}")

_log = logging.getLogger("freehold.request")


def request_id_of(given: str) -> str:
    """Return the id that the caller gave, if it is harmless, else a new one."""
    return given if _HARMLESS.fullmatch(given) else str(uuid7())


def write_line(
    request_id: str, method: str, route: str, status: int, started: float, bound: Mapping[str, Any]
) -> None:
    """Write a request's line; ``started`` is when, by ``time.perf_counter``."""
    write(
        _log,
        "request",
        bound,
        method=redact(method),
        route=route,
        status=status,
        ms=round((time.perf_counter() - started) * 1000, 1),
        request_id=redact(request_id),
    )


class RequestLog:
    """Outermost middleware: every answer carries ``X-Request-Id`` and leaves a line.

    The id is the caller's if it is harmless, else a new one. The line has the route, never the
    path: a path may hold what was mailed to somebody.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Name the request, answer it, and write its line."""
        request_id = request_id_of(request.META.get("HTTP_X_REQUEST_ID", ""))
        request.id = request_id  # type: ignore[attr-defined]  # for whoever wants to show it
        started = time.perf_counter()
        # Routing and authentication bind tenant and user; a thread's next request starts anew.
        structlog.contextvars.clear_contextvars()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            response["X-Request-Id"] = request_id
            match = request.resolver_match
            route = match.route if match else ""
            bound = structlog.contextvars.get_contextvars()
            status, method = response.status_code, request.method or ""
            write_line(request_id, method, route, status, started, bound)
        return response
