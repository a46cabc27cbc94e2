"""Reads of the API that are answered from the cache."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.tenants.conditional import ConditionalRequests, knows
from shared_apps.tenants.rendering import JSONRenderer
from shared_apps.tenants.scope import active_tenant

from .queries import CachedAnswers, digest


class CachedReads(ConditionalRequests):
    """View mixin: what one audience reads alike is made once a generation.

    The answer is told by the address asked for and the audience; the entity tag is as ever, of
    what is answered. ``Server-Timing`` says how it was come by.
    """

    answers: CachedAnswers

    def audience(self, user: Any) -> str:
        """Return a name of all who read the same as ``user``: it keeps their answers apart."""
        raise NotImplementedError

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Return the list."""
        make: Any = super().list  # type: ignore[misc]
        return self.cached(request, partial(make, request, *args, **kwargs))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Return one of them."""
        make: Any = super().retrieve  # type: ignore[misc]
        return self.cached(request, partial(make, request, *args, **kwargs))

    def cached(
        self,
        request: Request,
        make: Callable[[], Response],
        answers: CachedAnswers | None = None,
    ) -> HttpResponse:
        """Answer a GET with what ``make`` returns, now or for somebody before."""
        answers = answers or self.answers
        started = time.perf_counter()
        # Links in it lead to the host asked for, those to pictures to the portal's first.
        asked = [
            *(self.audience(request.user), active_tenant().primary_host),
            request.build_absolute_uri(),
        ]
        content, how = answers.get(digest("\n".join(asked)), lambda: self._content(make()))
        tag, _, body = content.partition(b"\n")
        if knows(request, tag.decode()):
            response = HttpResponse(status=304)
            del response["Content-Type"]
        else:
            response = HttpResponse(body, content_type="application/json")
        response["ETag"] = tag.decode()
        took = (time.perf_counter() - started) * 1000
        response["Server-Timing"] = f"cache;desc={how};dur={took:.1f}"
        return response

    def _content(self, response: Response) -> bytes:
        return self.tag(response.data).encode() + b"\n" + JSONRenderer().render(response.data)
