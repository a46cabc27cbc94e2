"""The one format of errors, for what answers outside the API's own views."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _

_JSON, _HTML = "application/json", "text/html"


def error_answer(request: HttpRequest, status: int, code: str, detail: Any) -> HttpResponse:
    """Return ``{"type", "errors": [{"code", "detail", "attr"}]}``, as the API's handler does.

    Whoever prefers HTML, as browsers do, gets a page that says the same, outside the API.
    """
    if not request.path.startswith("/api/") and _prefers_html(request):
        context = {"status": status, "code": code, "detail": detail}
        page = render(request, "freehold/error.html", context, status=status)
        patch_vary_headers(page, ["Accept"])
        return page
    answer = JsonResponse(error_body(status, code, detail), status=status)
    patch_vary_headers(answer, ["Accept"])
    return answer


def error_body(status: int, code: str, detail: Any) -> dict[str, Any]:
    """Return the body of one error."""
    kind = "server_error" if status >= 500 else "client_error"
    return {"type": kind, "errors": [{"code": code, "detail": str(detail), "attr": None}]}


def out_of_reach(request: HttpRequest) -> HttpResponse:
    """Return the 503 of a request that needs the database while it cannot be reached."""
    answer = error_answer(request, 503, "try_again", _("Please try again in a moment."))
    answer["Retry-After"] = "2"
    return answer


def too_many_at_once(request: HttpRequest) -> HttpResponse:
    """Return the 429 of a request beside too many others of its portal."""
    why = _("Too many requests of this portal are under way. Please try again in a moment.")
    answer = error_answer(request, 429, "too_many_at_once", why)
    answer["Retry-After"] = "1"
    return answer


def _prefers_html(request: HttpRequest) -> bool:
    return request.get_preferred_type([_JSON, _HTML]) == _HTML
