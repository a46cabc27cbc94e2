"""Reads of the API that are answered from the cache."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.tenants import scope
from shared_apps.tenants.conditional import ConditionalRequests, knows
from shared_apps.tenants.limits import TooOften
from shared_apps.tenants.rendering import JSONRenderer
from shared_apps.tenants.use_limits import count_use

from .queries import ANYONE, READS, CachedAnswers, digest, stored
from .tallies import tally


class CachedReads(ConditionalRequests):
    """View mixin: what one audience reads alike is made once a generation.

    An answer is told by its audience and the address asked for; its entity tag is as ever, of
    what is answered. ``Server-Timing`` says how it was come by. The view's paths belong into
    ``settings.CACHED_PATHS``: see :class:`AnonymousReads`.
    """

    answers: CachedAnswers
    # What counts how often each object was read, if anything does.
    tallied = ""

    def audience(self, user: Any) -> str:
        """Return a name of all who read the same as ``user``; a visitor is ``ANYONE``."""
        raise NotImplementedError

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Return the list."""
        make: Any = super().list  # type: ignore[misc]
        return self.cached(request, partial(make, request, *args, **kwargs))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Return one of them."""
        make: Any = super().retrieve  # type: ignore[misc]
        read = f"{self.tallied} {kwargs['pk']}" if self.tallied else ""
        return self.cached(request, partial(make, request, *args, **kwargs), read=read)

    def cached(
        self,
        request: Request,
        make: Callable[[], Response],
        answers: CachedAnswers | None = None,
        read: str = "",
    ) -> HttpResponse:
        """Answer a GET with what ``make`` returns, now or for somebody before."""
        started = time.perf_counter()
        arguments = _arguments(request._request, self.audience(request.user))
        match = request.resolver_match
        route = match.route if match else ""
        made = partial(self._made, make, route, read)
        content, how = (answers or self.answers).get(arguments, made)
        return _answer(request._request, content, how, started)

    def _made(self, make: Callable[[], Response], route: str, read: str) -> bytes:
        data = make().data
        head = [self.tag(data), route, read]
        return orjson.dumps(head) + b"\n" + JSONRenderer().render(data)


class AnonymousReads:
    """Middleware: answer what a visitor reads before anything asks who they might be.

    Only what a view has stored for ``ANYONE`` is there; all else, and every refusal, is the
    view's own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer from the cache, if it is there."""
        return self._cached(request) or self.get_response(request)

    def _cached(self, request: HttpRequest) -> HttpResponse | None:
        headers, active = request.META, scope.current()
        is_visitors = not (headers.get("HTTP_AUTHORIZATION") or headers.get("HTTP_COOKIE"))
        accepted = headers.get("HTTP_ACCEPT", "*/*")
        if not (
            request.method == "GET"
            and is_visitors
            and ("*/*" in accepted or "application/json" in accepted)
            and request.path.startswith(settings.CACHED_PATHS)
            and active
            and active.tenant
        ):
            return None
        started = time.perf_counter()
        content = stored(READS, _arguments(request, ANYONE))
        if content is None:
            return None
        try:
            count_use(request)
        except TooOften:
            return None
        return _answer(request, content, "hit", started)


def _arguments(request: HttpRequest, audience: str) -> str:
    # The address has the host, to which links lead; whatever else of the tenant shows, or says
    # who may read, has changed with it.
    changed = scope.active_tenant().changed_at
    address = f"{request.scheme}://{request.META['HTTP_HOST']}{request.get_full_path()}"
    return digest(f"{audience}\n{changed}\n{address}")


def _answer(request: HttpRequest, content: bytes, how: str, started: float) -> HttpResponse:
    head, _, body = content.partition(b"\n")
    tag, route, read = orjson.loads(head)
    request.route = route  # type: ignore[attr-defined]  # for the log
    if read:
        tally(*read.split(" "))
    if knows(request, tag):
        response = HttpResponse(status=304)
        del response["Content-Type"]
    else:
        response = HttpResponse(body, content_type="application/json")
        response["Content-Length"] = str(len(body))
    response["ETag"] = tag
    response["Vary"] = "Accept"
    response["Server-Timing"] = f"cache;desc={how};dur={(time.perf_counter() - started) * 1000:.1f}"
    return response
