"""Limits of the tenants' API, as DRF asks for them."""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from shared_apps.tenants import limits
from shared_apps.tenants.use_limits import count_use

from .models import ApiKey
from .tokens import KEY_CLAIM


class GeneralLimit(BaseThrottle):
    """How much anyone may ask, by API key or person (or address, before they sign in)."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request; raises rather than answer False, so that the status is right."""
        if not request.user.is_authenticated:
            count_use(request._request)
        elif key := _key_of(request.auth):
            count_use(request._request, "key", key)
        else:
            count_use(request._request, "account", str(request.user.pk))
        return True


def _key_of(auth: Any) -> str:
    """Return the id of the API key that ``auth`` is or was got with, or nothing."""
    if isinstance(auth, ApiKey):
        return str(auth.pk)
    return str(auth.get(KEY_CLAIM, "")) if auth else ""


class LoginLimit(BaseThrottle):
    """How often a password may be tried, by account and by address."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the try, whether or not the account exists."""
        body: Any = request.data
        email = body.get("email") if isinstance(body, dict) else ""
        limits.count("login", request._request, email if isinstance(email, str) else "")
        return True


class SecretLimit(BaseThrottle):
    """How often a mailed secret may be tried: by address, counted with sign-ins."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the try."""
        limits.count("login", request._request)
        return True


class OwnPasswordLimit(BaseThrottle):
    """How often one's own password may be tried by whoever holds one's token, as a sign-in."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the try."""
        limits.count("login", request._request, getattr(request.user, "email", ""))
        return True


class ResetLimit(BaseThrottle):
    """How often a new password may be asked for, by account and by address."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the wish, whether or not the account exists."""
        body: Any = request.data
        email = body.get("email") if isinstance(body, dict) else ""
        limits.count("reset", request._request, email if isinstance(email, str) else "")
        return True
