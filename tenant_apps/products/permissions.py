from typing import Any

from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.views import APIView

from shared_apps.tenants.scope import active_tenant
from tenant_apps.users.models import CatalogueReaders


class ReadsCatalogue(permissions.BasePermission):
    """May read: anyone or members, as the tenant's settings say."""

    may_let_anyone_read = True

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the settings that came with the tenant: no query."""
        readers = active_tenant().settings.get("catalogue_readers", CatalogueReaders.MEMBERS)
        return readers == CatalogueReaders.ANYONE or request.user.is_authenticated


class KeepsCatalogue(permissions.DjangoModelPermissions):
    """May read as :class:`ReadsCatalogue`, and write with the model's permission."""

    authenticated_users_only = False
    may_let_anyone_read = True

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask by method: reading by the settings, the rest by role."""
        if request.method in permissions.SAFE_METHODS:
            return ReadsCatalogue().has_permission(request, view)
        return bool(request.user.is_authenticated and super().has_permission(request, view))


class ImportsCatalogue(permissions.BasePermission):
    """May start imports and follow them."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the role."""
        return bool(request.user.has_perm("products.import_catalogue"))


def sees_inactive(user: Any) -> bool:
    """Tell whether ``user`` keeps the catalogue, and so sees what is not on sale."""
    return bool(user.is_authenticated and user.has_perm("products.change_product"))
