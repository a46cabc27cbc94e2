"""A request's id, and its one line in the log."""

import re
import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from uuid_utils.compat import uuid7

_HARMLESS = re.compile(r"[A-Za-z0-9._-]{8,64}")

log = structlog.get_logger("freehold.request")


class RequestLog:
    """Outermost middleware: every answer carries ``X-Request-Id`` and leaves a line.

    The id is the caller's if it is harmless, else a new one. The line has the route, never the
    path: a path may hold what was mailed to somebody.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Name the request, answer it, and write its line."""
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _HARMLESS.fullmatch(given) else str(uuid7())
        request.id = request_id  # type: ignore[attr-defined]  # for whoever wants to show it
        started = time.perf_counter()
        # Routing and authentication bind tenant and user; a thread's next request starts anew.
        structlog.contextvars.clear_contextvars()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            response["X-Request-Id"] = request_id
            # What was answered from the cache was never resolved.
            match = request.resolver_match
            route = match.route if match else getattr(request, "route", "")
            log.info(
                "request",
                method=request.method,
                route=route,
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )
        return response
