"""A body that is too large is refused by its declared length, before it is read.

Django's own limit holds for forms it parses; a JSON parser reads the stream past it. A body
without a declared length is empty to WSGI.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from shared_apps.tenants.errors import error_answer

# The parts around an uploaded file.
_FORM_OVERHEAD = 64 * 1024


class BodyLimits:
    """Answer 413 to a body larger than its kind may be."""

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
        if not length.isdigit() or int(length[:12]) > limit:
            return error_answer(413, "body_too_large", f"At most {limit} bytes.")
        return self.get_response(request)
