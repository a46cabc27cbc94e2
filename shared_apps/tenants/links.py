"""Addresses of portals: from the tenant's primary domain, never from a request's host."""

from django.conf import settings

from .scope import active_tenant

# Where an owner sees, pays and changes the plan.
BILLING_PAGE = "/admin/billing/"


def address_of(host: str) -> str:
    """Return ``scheme://host[:port]`` of a host of this installation."""
    return f"{settings.FREEHOLD_SCHEME}://{host}{settings.FREEHOLD_PORT_SUFFIX}"


def portal_url(path: str = "/") -> str:
    """Return the absolute URL of ``path`` on the active tenant's portal."""
    return address_of(active_tenant().primary_host) + path


def tenant_salt(purpose: str) -> str:
    """Return the salt of what is signed for ``purpose``: no signature is good in another tenant."""
    return f"{purpose}:{active_tenant().id}"
