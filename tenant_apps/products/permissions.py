from typing import Any

from rest_framework import permissions
from rest_framework.request import Request
from rest_framework.views import APIView

from .models import is_open_to


class ReadsCatalogue(permissions.BasePermission):
    """May read: anyone or members, as the tenant's settings say."""

    may_let_anyone_read = True

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask whether there can be anything to see; which rows, ``visible_to`` says."""
        return request.user.is_authenticated or is_open_to(request.user)


class KeepsCatalogue(permissions.DjangoModelPermissions):
    """May read as :class:`ReadsCatalogue`; write with the model's permission, or with a grant."""

    authenticated_users_only = False
    may_let_anyone_read = True
    # What changing one row is: a grant on the row is enough.
    by_grant = frozenset({"PUT", "PATCH"})

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask by method: reading by the settings, the rest by role."""
        if request.method in permissions.SAFE_METHODS:
            return ReadsCatalogue().has_permission(request, view)
        if request.method in self.by_grant:
            return request.user.is_authenticated
        return bool(request.user.is_authenticated and super().has_permission(request, view))

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        """Ask for this row, where a grant on it would do."""
        if request.method not in self.by_grant:
            return True
        return bool(type(obj).objects.changeable_by(request.user).filter(pk=obj.pk).exists())


class KeepsImages(KeepsCatalogue):
    """As :class:`KeepsCatalogue`, but taking an image away changes a product, no more."""

    by_grant = frozenset({"PUT", "DELETE"})


class ImportsCatalogue(permissions.BasePermission):
    """May start imports and follow them."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Ask the role."""
        return bool(request.user.has_perm("products.import_catalogue"))
