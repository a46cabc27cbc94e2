"""The middleware that turns the Host header, and nothing else, into a scope."""

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from structlog.contextvars import bind_contextvars

from . import scope
from .deeds import deed_of
from .domain_map import domain_map
from .errors import error_answer, out_of_reach, too_many_at_once
from .gate import Refusal, refusal
from .plan_limits import FeatureMissing, LimitReached
from .simultaneous import TooManyAtOnce, simultaneous

_HOST = re.compile(r"([a-z0-9-]+(?:\.[a-z0-9-]+)*)\.?(?::[0-9]{1,5})?", re.ASCII)


def host_of(meta: Mapping[str, Any]) -> str | None:
    """Return the host asked for: lower case, no port, no trailing dot; None if malformed.

    ``meta`` is a request's ``META``, which is what WSGI calls its environment.
    """
    match = _HOST.fullmatch(meta.get("HTTP_HOST", "").lower())
    return match.group(1) if match else None


_NOBODY = Refusal(404, "not_found", _("There is no portal here."))


class TenantRouting:
    """Enter the scope of the host for the length of the request.

    The public host gets the public scope and ``PUBLIC_SCHEMA_URLCONF``, a tenant's host its
    own scope and the default urlconf; any other host is a 404 that says nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        # The views' class-level querysets must not be made, and stamped, in the scope of
        # whatever request happens to import them first.
        with scope.no_scope():
            for urlconf in (settings.ROOT_URLCONF, settings.PUBLIC_SCHEMA_URLCONF):
                import_module(urlconf)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what the database out of reach, or a plan's limit, came to outside the API."""
        match exception:
            case OperationalError():
                return out_of_reach(request)
            case LimitReached():
                return error_answer(request, 402, "limit_reached", exception)
            case FeatureMissing():
                return error_answer(request, 402, "feature_not_in_plan", exception)
        return None

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer from inside the host's scope, or refuse."""
        host = host_of(request.META)
        if host is None:
            return error_answer(request, *_NOBODY)
        if host == settings.FREEHOLD_DOMAIN:
            request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
            bind_contextvars(tenant=scope.PUBLIC_SCHEMA)
            with scope.public_scope():
                return self.get_response(request)
        try:
            tenant = domain_map.tenant_for(host)
        except OperationalError:
            return out_of_reach(request)
        if tenant is None:
            return error_answer(request, *_NOBODY)
        bind_contextvars(tenant=str(tenant.id))
        if why := refusal(tenant, deed_of(request)):
            return error_answer(request, *why)
        try:
            with simultaneous.one_of(tenant), scope.tenant_scope(tenant):
                return self.get_response(request)
        except TooManyAtOnce:
            return too_many_at_once(request)
