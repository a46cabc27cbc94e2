"""How a stored file leaves the house."""

from typing import Any

from django.http import FileResponse, Http404

from .models import StoredFile
from .pictures import KINDS

# Should a browser ever take a file for a document: nothing in it runs, loads or is framed.
_POLICY: Any = {"default-src": ["'none'"], "sandbox": True, "frame-ancestors": ["'none'"]}


def serve(stored: StoredFile, *, max_age: int) -> FileResponse:
    """Return the answer with the content of ``stored``; a browser may keep it ``max_age`` seconds.

    Whoever calls this has asked whether the person may see it.

    Raises:
        Http404: the content is gone.

    """
    # Anything but our own pictures, SVG and HTML above all, is saved and never shown.
    inline = stored.content_type in KINDS
    try:
        content = stored.content.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(
        content,
        as_attachment=not inline,
        filename=stored.name,
        content_type=stored.content_type if inline else "application/octet-stream",
    )
    response["Content-Length"] = str(stored.size)
    response["Cache-Control"] = f"private, max-age={max_age}"
    response._csp_config = _POLICY  # type: ignore[attr-defined]  # as csp_override does
    return response
