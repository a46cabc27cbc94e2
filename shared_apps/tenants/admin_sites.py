"""The two admin sites: a tenant's and the operators'. No model of one is in the other.

Both are named ``admin``: each is the only one in its host's urlconf.
"""

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite

from . import scope


class TenantAdminSite(UnfoldAdminSite):
    """``/admin/`` of a portal; opens for people whose role says so."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Ask the scope as well: this site serves tenants, whatever it is mounted on."""
        active = scope.current()
        return active is not None and active.kind == "tenant" and super().has_permission(request)


class OperatorsAdminSite(UnfoldAdminSite):
    """``/admin/`` of the public host, for the operators of the platform."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Ask the scope as well: this site serves the public schema only."""
        active = scope.current()
        return active is not None and active.kind == "public" and super().has_permission(request)


tenant_admin = TenantAdminSite()
operators_admin = OperatorsAdminSite()
