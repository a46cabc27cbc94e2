"""Pages speak the reader's language, mails the portal's, with its time; the API English and UTC."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from shared_apps.tenants import scope


class ReaderLocale:
    """Speak the browser's language until the portal is found, to tell why it is not."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a program in English."""
        if request.path.startswith("/api/"):
            with translation.override(settings.LANGUAGE_CODE):
                return self.get_response(request)
        with translation.override(_asked_for(request) or settings.LANGUAGE_CODE):
            response = self.get_response(request)
        patch_vary_headers(response, ["Accept-Language"])
        return response


class PortalLocale:
    """Activate language and time zone for the length of a page's request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in what the browser asks for, if we speak it, else in the portal's language."""
        if request.path.startswith("/api/"):
            return self.get_response(request)
        with portal_locale(_asked_for(request)) as language:
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
        return response


@contextmanager
def portal_locale(language: str | None = None) -> Iterator[str]:
    """Speak ``language``, else the portal's, and show the portal's time; yield the language."""
    active = scope.current()
    portal = active.tenant.settings if active and active.tenant else {}
    language = language or portal.get("language", settings.LANGUAGE_CODE)
    with translation.override(language), timezone.override(portal.get("time_zone", "UTC")):
        yield language


def _asked_for(request: HttpRequest) -> str | None:
    """Return the first of the browser's languages that we speak, or None."""
    for code, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "").lower()):
        language = str(code).partition("-")[0]
        if language in dict(settings.LANGUAGES):
            return language
    return None
