"""The file behind a signed link."""

from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from .models import StoredFile
from .serving import serve
from .signed_links import HOUR, LinkInvalid, file_behind


@require_safe
def signed_file(request: HttpRequest, token: str) -> FileResponse:
    """Serve the file to whoever holds the link; 404 if the link is not good, or no more."""
    try:
        file_id = file_behind(token)
    except LinkInvalid as error:
        raise Http404 from error
    return serve(get_object_or_404(StoredFile, pk=file_id), max_age=HOUR)
