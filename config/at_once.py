"""What visitors read is answered before Django, where it is there already.

A WSGI application around Django's. It answers as Django would: the same gate, limits, headers and
line in the log. All else is Django's own.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from shared_apps.tenants.api_limit import month_used_up
from shared_apps.tenants.api_use import api_use
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.errors import error_body
from shared_apps.tenants.gate import Deed, refusal
from shared_apps.tenants.leases import Standing
from shared_apps.tenants.routing import host_of
from shared_apps.tenants.scope import no_scope, tenant_scope
from shared_apps.tenants.simultaneous import TooManyAtOnce, simultaneous
from shared_apps.tenants.use_limits import limit_headers, spend_use, too_often
from tenant_apps.cached.flights import Turns
from tenant_apps.cached.queries import ANYONE, READS, Outdated, stored
from tenant_apps.cached.views import Stored, arguments_of, server_timing

from .request_log import request_id_of, write_line

Environ = dict[str, Any]
Found = tuple[int, dict[str, str], bytes]  # status, headers, body
_STATUSES = {status: f"{status} {HTTPStatus(status).phrase}" for status in (200, 304, 402, 429)}


class AtOnce:
    """Answer from the cache, or with ``application``."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        # Of answers over plain HTTP and over TLS.
        self._constant = [_constant_headers(scheme) for scheme in ("http", "https")]
        # Of those who ask for what has changed, one has it made by Django.
        self._remade = Turns()

    def __call__(self, environ: Environ, start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        found = None
        if _is_visitors_read(environ):
            try:
                found = self._asked(environ)
            except Outdated:
                with self._remade.by_one(_address(environ)) as is_mine:
                    if is_mine:
                        return self._application(environ, start_response)
                with suppress(Outdated):
                    found = self._asked(environ)
        if found is None:
            return self._application(environ, start_response)
        status, headers, body = found
        start_response(_STATUSES[status], list(headers.items()))
        return [body]

    def _asked(self, environ: Environ) -> Found | None:
        try:
            return self._found(environ)
        except (DatabaseError, TooManyAtOnce):
            return None
        finally:
            # The domain map and the lease are asked for now and then.
            close_old_connections()

    def _found(self, environ: Environ) -> Found | None:
        started = time.perf_counter()
        is_secure = _is_secure(environ)
        constant = self._constant[is_secure]
        host = host_of(environ)
        tenant = domain_map.tenant_for(host) if host else None
        if constant is None or tenant is None or refusal(tenant, Deed.READ):
            return None
        # What a thread did before is nothing of this request's.
        structlog.contextvars.clear_contextvars()
        with simultaneous.one_of(tenant), tenant_scope(tenant):
            content = stored(READS, arguments_of(environ, is_secure, ANYONE))
            if content is None:
                return None
            found = Stored.of(content)
            standings: list[Standing] = []
            if used_up := month_used_up(tenant):
                may = False
                status, headers, body = _refused(*used_up)
            else:
                may, standings = spend_use(environ)
                status, headers, body = found.answer(environ) if may else _too_often(standings)
        request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
        headers |= constant
        if standings:
            headers |= limit_headers(standings)
        if may:
            api_use.count(tenant.id)
            headers["Server-Timing"] = server_timing("hit", started)
        headers["X-Request-Id"] = request_id
        write_line(request_id, "GET", found.route, status, started, {"tenant": str(tenant.id)})
        return status, headers, body


def _too_often(standings: Sequence[Standing]) -> Found:
    why = too_often(standings)
    status, headers, body = _refused(HTTPStatus.TOO_MANY_REQUESTS, "too_many_attempts", why)
    return status, headers | {"Retry-After": str(why.seconds)}, body


def _refused(status: int, code: str, detail: Any) -> Found:
    """Return a refusal, at no more cost than an answer."""
    body = orjson.dumps(error_body(status, code, detail))
    return status, {"Content-Type": "application/json", "Content-Length": str(len(body))}, body


def _is_visitors_read(environ: Environ) -> bool:
    accepted = environ.get("HTTP_ACCEPT", "*/*")
    return (
        environ["REQUEST_METHOD"] == "GET"
        and environ["PATH_INFO"].startswith(settings.CACHED_PATHS)
        and not (environ.get("HTTP_AUTHORIZATION") or environ.get("HTTP_COOKIE"))
        and ("*/*" in accepted or "application/json" in accepted)
        and environ.get("CONTENT_LENGTH") in (None, "", "0")
    )


def _address(environ: Environ) -> str:
    # Only who waits for whom is told by it: each looks then what is there for them.
    return f"{environ['HTTP_HOST']} {environ.get('QUERY_STRING', '')} {environ['PATH_INFO']}"


def _is_secure(environ: Environ) -> bool:
    """Tell whether a request came over TLS, as ``HttpRequest.is_secure`` does."""
    header, secure = settings.SECURE_PROXY_SSL_HEADER or ("", "")
    told: str | None = environ.get(header)
    scheme: str = environ["wsgi.url_scheme"]
    return scheme == "https" if told is None else told.split(",")[0].strip() == secure


def _constant_headers(scheme: str) -> dict[str, str] | None:
    """Return the headers that all such answers have alike; None if there are none but refusals.

    Django's and our own middleware make them, once, with no tenant in reach.
    """
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": settings.CACHED_PATHS[0]}
    environ |= {"SERVER_NAME": "localhost", "SERVER_PORT": "80"}
    request = WSGIRequest({**environ, "wsgi.url_scheme": scheme, "wsgi.input": BytesIO()})

    def innermost(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Vary": "Accept"})

    handler: Callable[[HttpRequest], HttpResponse] = innermost
    with no_scope():
        for name in reversed(settings.CONSTANT_HEADERS):
            handler = import_string(name)(handler)
        answer = handler(request)
    del answer["Content-Type"]
    return dict(answer.items()) if answer.status_code == HTTPStatus.OK else None
