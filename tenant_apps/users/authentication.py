"""Who is asking: a token of this tenant, or the session of its admin."""

from typing import Any
from uuid import UUID

from rest_framework import authentication
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from structlog.contextvars import bind_contextvars

from .models import User
from .tokens import FAMILY_CLAIM, VERSION_CLAIM, AccessToken


class TenantJWTAuthentication(JWTAuthentication):
    """``Authorization: Bearer <access token>``, checked against the user as they are now."""

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

        """
        try:
            user = User.objects.filter(
                pk=UUID(validated_token["sub"]),
                is_active=True,
                token_version=validated_token[VERSION_CLAIM],
                # The login has not been ended meanwhile.
                refresh_families__pk=UUID(validated_token[FAMILY_CLAIM]),
                refresh_families__revoked_at=None,
            ).first()
        except (KeyError, ValueError) as error:
            raise InvalidToken from error
        if user is None:
            raise InvalidToken
        bind_contextvars(user=str(user.pk))
        return user


class AdminSessionAuthentication(authentication.SessionAuthentication):
    """The admin's session, so that its pages and the docs may call the API; CSRF is checked."""
