"""What every page of a portal shows."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from shared_apps.tenants import scope
from shared_apps.tenants.links import BILLING_PAGE

from . import look
from .standing import banner


def portal(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the tenant, its look and how it stands.

    The database is asked only whether somebody is owner, and that where there is something to tell.
    """
    active = scope.current()
    if active is None or active.tenant is None:
        return {"tenant": None}
    tenant = active.tenant
    # The page about paying says it itself, and more.
    is_told = not request.path.startswith(BILLING_PAGE)
    return {
        "tenant": tenant,
        "banner": SimpleLazyObject(lambda: banner(tenant, request.user) if is_told else None),
        "logo_url": look.logo_url(),
        "stylesheet_url": look.stylesheet_url(),
    }


def site_title(request: HttpRequest) -> str:
    """Return the admin's title: the portal's name, or the platform's."""
    active = scope.current()
    return active.tenant.name if active and active.tenant else _("Freehold operators")


def site_logo(request: HttpRequest) -> str | None:
    """Return the address of the logo that the admin shows, or None."""
    return look.logo_url()


def site_stylesheet(request: HttpRequest) -> str | None:
    """Return the address of the stylesheet with the portal's colour, or an empty one's."""
    return look.stylesheet_url() or static("freehold/plain.css")


def admin_stylesheet(request: HttpRequest) -> str:
    """Return the address of what both admins add to Unfold's styles."""
    return static("freehold/admin.css")
