"""A portal's look: its logo and a stylesheet of its colour, for pages and for the admin."""

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from shared_apps.tenants import scope
from tenant_apps.files.models import StoredFile
from tenant_apps.files.serving import serve

MAX_AGE = 3600
# Unfold's shades of its primary colour, as shares of the portal's in white or black.
_LIGHT = {50: 5, 100: 10, 200: 25, 300: 40, 400: 70, 500: 88, 600: 100}
_DARK = {700: 85, 800: 70, 900: 55, 950: 40}


def logo_url() -> str | None:
    """Return the path of the active portal's logo, or None; another logo has another path."""
    active = scope.current()
    logo = active.tenant.settings.get("logo") if active and active.tenant else ""
    return f"{reverse('logo')}?v={logo[-8:]}" if logo else None


def stylesheet_url() -> str | None:
    """Return the path of the active portal's stylesheet, or None on the public host."""
    active = scope.current()
    if active is None or active.tenant is None:
        return None
    return f"{reverse('look')}?v={_colour()[1:]}"


def _colour() -> str:
    return str(scope.active_tenant().settings.get("colour") or "#1f5fbf")


@require_safe
def logo(request: HttpRequest) -> FileResponse:
    """Serve the logo to anyone: it stands on the page where one signs in."""
    stored = scope.active_tenant().settings.get("logo")
    if not stored:
        raise Http404
    return serve(get_object_or_404(StoredFile, pk=stored), max_age=MAX_AGE)


@require_safe
def look(request: HttpRequest) -> HttpResponse:
    """Serve the stylesheet: the portal's colour, and Unfold's shades of it."""
    colour = _colour()
    # More specific than the admin's own `:root`, which comes after it.
    rules = "".join(
        f"--color-primary-{name}:color-mix(in srgb, {colour} {share}%, {other});"
        for other, shades in (("white", _LIGHT), ("black", _DARK))
        for name, share in shades.items()
    )
    answer = HttpResponse(f"html:root{{--accent:{colour};{rules}}}\n", content_type="text/css")
    answer["Cache-Control"] = f"public, max-age={MAX_AGE}"
    return answer
