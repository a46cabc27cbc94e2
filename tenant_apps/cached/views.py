"""Reads of the API that are answered from the cache."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.tenants import scope
from shared_apps.tenants.conditional import ConditionalRequests, knows
from shared_apps.tenants.rendering import JSONRenderer

from .queries import CachedAnswers, digest
from .tallies import tally


class CachedReads(ConditionalRequests):
    """View mixin: what one audience reads alike is made once a generation.

    An answer is told by its audience and the address asked for; its entity tag is as ever, of
    what is answered. ``Server-Timing`` says how it was come by. The view's paths belong into
    ``settings.CACHED_PATHS``, so that visitors are answered by ``config.at_once``.
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
        asked: HttpRequest = request._request
        arguments = arguments_of(asked.META, asked.is_secure(), self.audience(request.user))
        match = request.resolver_match
        made = partial(self._made, make, match.route if match else "", read)
        content, how = (answers or self.answers).get(arguments, made)
        status, headers, body = Stored.of(content).answer(asked.META)
        response = HttpResponse(body, status=status, headers=headers)
        if "Content-Type" not in headers:
            del response["Content-Type"]
        response["Server-Timing"] = server_timing(how, started)
        return response

    def _made(self, make: Callable[[], Response], route: str, read: str) -> bytes:
        data = make().data
        return Stored(self.tag(data), route, read, JSONRenderer().render(data)).content()


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a view's answer.

    ``tag`` is its entity tag, ``route`` that of the view, ``read`` what is tallied with each read.
    """

    tag: str
    route: str
    read: str
    body: bytes

    @classmethod
    def of(cls, content: bytes) -> "Stored":
        """Return what :meth:`content` gave."""
        head, _, body = content.partition(b"\n")
        tag, route, read = orjson.loads(head)
        return cls(tag, route, read, body)

    def content(self) -> bytes:
        """Return it as it is kept."""
        return orjson.dumps([self.tag, self.route, self.read]) + b"\n" + self.body

    def answer(self, meta: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body for a request of this ``META``; tally it."""
        if self.read:
            tally(*self.read.split(" "))
        headers = {"ETag": self.tag, "Vary": "Accept"}
        if knows(meta.get("HTTP_IF_NONE_MATCH", ""), self.tag):
            return 304, headers, b""
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        return 200, headers, self.body


def arguments_of(meta: Mapping[str, Any], is_secure: bool, audience: str) -> str:
    """Return what tells a read of the active tenant, of this ``META``, from all others."""
    # The address has the host, to which links lead; whatever else of the tenant shows, or says
    # who may read, has changed with it.
    changed = scope.active_tenant().changed_at
    # The path comes last: it was decoded, so it may hold anything.
    query, path = meta.get("QUERY_STRING", ""), meta["PATH_INFO"]
    return digest(f"{audience}\n{changed}\n{is_secure} {meta['HTTP_HOST']} {query}\n{path}")


def server_timing(how: str, started: float) -> str:
    """Return the header that says how an answer was come by, and in which time."""
    return f"cache;desc={how};dur={(time.perf_counter() - started) * 1000:.1f}"
