"""Who is asking: a token of this tenant, or the session of its admin."""

from typing import Any
from uuid import UUID

from rest_framework import authentication
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from structlog.contextvars import bind_contextvars

from shared_apps.tenants.limits import client_address

from .api_keys.authentication import check_scope
from .models import ApiKey, User
from .settling import check_may_be_here
from .tokens import FAMILY_CLAIM, KEY_CLAIM, SCOPE_CLAIM, VERSION_CLAIM, AccessToken

# As SQL, for every request asks it: built of querysets it takes three times as long.
_SIGNED_IN = """
SELECT users_user.* FROM users_user
JOIN users_refreshfamily AS login ON login.user_id = users_user.id
WHERE users_user.id = %(user)s AND users_user.is_active
AND users_user.token_version = %(version)s
AND login.id = %(login)s AND login.revoked_at IS NULL
"""


class TenantJWTAuthentication(JWTAuthentication):
    """``Authorization: Bearer <access token>``, checked against the user as they are now."""

    def authenticate(self, request: Request) -> Any:
        """Return the user and the token, or None without one; a key's is for its scopes alone.

        Raises:
            InvalidToken: it is not the tenant's, or not valid any more.
            PermissionDenied: it is a key's, and has not the scope; see :meth:`get_user`.

        """
        raw_token = self.get_raw_token(self.get_header(request) or b"")
        if raw_token is None:
            return None
        token = self.get_validated_token(raw_token)
        if KEY_CLAIM not in token:
            return self.get_user(token), token
        key = _key_of(token)
        if key is None or not key.is_usable_from(client_address(request._request)):
            raise InvalidToken
        check_scope(request, token[SCOPE_CLAIM].split(" "))
        bind_contextvars(user=str(key.user_id), api_key=str(key.pk))
        return key.user, token

    def get_validated_token(self, raw_token: bytes) -> Any:
        """Return the token if the active tenant signed it.

        Raises:
            InvalidToken: anything else.

        """
        try:
            return AccessToken(raw_token)  # type: ignore[arg-type]  # simplejwt takes the text
        except TokenError as error:
            raise InvalidToken from error

    def get_user(self, validated_token: Any) -> Any:
        """Return the user the token names, if active and not since revoked (one query).

        Raises:
            InvalidToken: there is none.
            PermissionDenied: only owners may be here now.

        """
        try:
            named = {
                "user": UUID(validated_token["sub"]),
                "version": int(validated_token[VERSION_CLAIM]),
                "login": UUID(validated_token[FAMILY_CLAIM]),
            }
        except (KeyError, ValueError) as error:
            raise InvalidToken from error
        user = next(iter(User.objects.raw(_SIGNED_IN, named)), None)
        if user is None:
            raise InvalidToken
        check_may_be_here(user)
        bind_contextvars(user=str(user.pk))
        return user


def _key_of(token: Any) -> ApiKey | None:
    """Return the key that a token was got with, if its account's tokens were not revoked since."""
    rows = ApiKey.objects.select_related("user").filter(user__token_version=token[VERSION_CLAIM])
    key: ApiKey | None = rows.filter(pk=token[KEY_CLAIM], user=token["sub"]).first()
    return key


class AdminSessionAuthentication(authentication.SessionAuthentication):
    """The admin's session, so that its pages and the docs may call the API; CSRF is checked."""
