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


class KeepsImages(KeepsCatalogue):
    """As :class:`KeepsCatalogue`, but taking an image away changes a product, no more."""

    perms_map = {
        **KeepsCatalogue.perms_map,
        "DELETE": KeepsCatalogue.perms_map["PATCH"],
    }


class ImportsCatalogue(permissions.BasePermission):
    """May start imports and follow them."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the role."""
        return bool(request.user.has_perm("products.import_catalogue"))
