"""What every page of a portal shows."""

from typing import Any

from django.http import HttpRequest

from shared_apps.tenants import scope


def portal(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the tenant, and whether to remind the owner to confirm their address."""
    active = scope.current()
    if active is None or active.tenant is None:
        return {"tenant": None}
    user = getattr(request, "user", None)
    return {
        "tenant": active.tenant,
        "remind_to_confirm": bool(
            user and user.is_authenticated and user.email_verified_at is None
        ),
    }


def site_title(request: HttpRequest) -> str:
    """Return the admin's title: the portal's name, or the platform's."""
    active = scope.current()
    return active.tenant.name if active and active.tenant else "Freehold operators"
