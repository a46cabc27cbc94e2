"""Programs: an API key itself, and what the token of one may do. No view need remember them."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars

from shared_apps.tenants.limits import client_address

from ..models import ApiKey
from .scopes import scope_for
from .text import PREFIX, read_key


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer fh_...``: a key, and of its scopes the one that the view needs."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the key's service account and the key, or None: it is something else.

        Raises:
            AuthenticationFailed: unknown, wrong, expired, revoked, or from another address: all
                the same.
            PermissionDenied: it has not the scope.

        """
        scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.startswith(PREFIX):
            return None
        address = client_address(request._request)
        key = ApiKey.objects.opened_by(*read_key(text), address=address)
        if key is None:
            raise AuthenticationFailed(_("This API key is not valid here."), code="key_not_valid")
        check_scope(request, key.scopes)
        key.note_use()
        bind_contextvars(user=str(key.user_id), api_key=str(key.pk))
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme: a refusal is a 401."""
        return 'Bearer realm="api"'


def check_scope(request: Request, scopes: Iterable[str]) -> None:
    """Refuse a program what its scopes do not cover; a view that declares nothing, to all.

    Asked where it signs in, so that a view's own permissions cannot leave it out.

    Raises:
        PermissionDenied: with the scope that is missing.

    """
    needed = scope_for(request.parser_context["view"], str(request.method))
    if needed is None:
        raise PermissionDenied(_("This is not for programs."), code="not_for_keys")
    if needed not in scopes:
        why = _("The scope %(scope)s is missing.") % {"scope": needed}
        raise PermissionDenied(why, code="insufficient_scope")
