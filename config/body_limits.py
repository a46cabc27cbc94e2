"""What no view wants to see: a body that is too large, a NUL character in a form or a query.

A body is refused by its declared length, before it is read.

Django's own limit holds for forms it parses; a JSON parser reads the stream past it. A body
without a declared length is empty to WSGI.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from shared_apps.tenants.errors import error_answer

# The parts around an uploaded file.
_FORM_OVERHEAD = 64 * 1024


class BodyLimits:
    """Answer 413 to a body larger than its kind may be, 400 to a NUL."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, unless the body is too large."""
        length = request.META.get("CONTENT_LENGTH") or "0"
        is_form = (request.content_type or "").startswith("multipart/")
        limit = (
            settings.CATALOGUE_MAX_BYTES + _FORM_OVERHEAD
            if is_form
            else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        )
        is_number = length.isascii() and length.isdigit() and len(length) <= 18
        if not is_number or int(length) > limit:
            detail = _("At most %(limit)s bytes.") % {"limit": limit}
            return error_answer(request, 413, "body_too_large", detail)
        is_page_form = request.method == "POST" and not request.path.startswith("/api/")
        for values in (request.GET, request.POST if is_page_form else {}):
            if any("\x00" in value for value in _texts(values)):
                return error_answer(request, 400, "nul", _("A text holds a NUL character."))
        return self.get_response(request)


def _texts(values: Any) -> Iterator[str]:
    for name in values:
        yield name
        yield from values.getlist(name)
