"""JSON Web Tokens that open one tenant only.

Each tenant signs with an Ed25519 key of its own, derived (HKDF, RFC 5869) from a numbered
master key and the tenant's id; ``iss``, ``aud`` and ``kid`` are the tenant's. A token of a
neighbour fails at the signature, at the audience and at the user it names.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from uuid_utils.compat import uuid7

from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.scope import active_tenant

from .models import ApiKey, RefreshFamily, RefreshRefused, User

FAMILY_CLAIM = "fam"
VERSION_CLAIM = "ver"
# As RFC 9068 names them.
KEY_CLAIM = "client_id"
SCOPE_CLAIM = "scope"


def signing_key(tenant_id: UUID, number: int) -> Ed25519PrivateKey:
    """Return the private key of a tenant under master key ``number``.

    Raises:
        KeyError: that master key is not configured (any more).

    """
    return _derived(tenant_id, settings.JWT_MASTER_KEYS[number])


@lru_cache(maxsize=4096)
def _derived(tenant_id: UUID, master_key: bytes) -> Ed25519PrivateKey:
    seed = HKDF(SHA256(), length=32, salt=None, info=b"freehold jwt " + tenant_id.bytes)
    return Ed25519PrivateKey.from_private_bytes(seed.derive(master_key))


def key_id(tenant_id: UUID, number: int) -> str:
    """Return the ``kid`` of a tenant's key: the master key's number and the tenant's id."""
    return f"{number}.{tenant_id}"


class TenantTokenBackend(TokenBackend):
    """Signs with the tenant's newest key, verifies with the one that ``kid`` names."""

    def __init__(self, tenant: ActiveTenant) -> None:
        urn = f"urn:tenant:{tenant.id}"
        super().__init__("EdDSA", audience=urn, issuer=urn)
        self.tenant_id = tenant.id

    def encode(self, payload: dict[str, Any]) -> str:
        """Return the signed token."""
        number = max(settings.JWT_MASTER_KEYS)
        return jwt.encode(
            {**payload, "aud": self.audience, "iss": self.issuer},
            signing_key(self.tenant_id, number),
            algorithm=self.algorithm,
            headers={"kid": key_id(self.tenant_id, number)},
        )

    def get_verifying_key(self, token: Any) -> Any:
        """Return the public key that the token's ``kid`` names.

        Raises:
            TokenBackendError: it names none of this tenant's.

        """
        try:
            number, _, tenant_id = jwt.get_unverified_header(token)["kid"].partition(".")
            if tenant_id != str(self.tenant_id):
                raise TokenBackendError("Token is another tenant's")
            return signing_key(self.tenant_id, int(number)).public_key()
        except (jwt.InvalidTokenError, KeyError, ValueError, AttributeError) as error:
            raise TokenBackendError("Token is invalid") from error


class _TenantToken:
    """Binds a simplejwt token class to the active tenant."""

    @property
    def token_backend(self) -> TenantTokenBackend:
        """A backend with the active tenant's keys."""
        return TenantTokenBackend(active_tenant())

    def get_token_backend(self) -> TenantTokenBackend:
        """As :attr:`token_backend`; simplejwt asks both ways."""
        return self.token_backend


class AccessToken(_TenantToken, tokens.AccessToken):
    """Opens the API for some minutes."""

    @classmethod
    def for_login(cls, user: User, family: UUID) -> "AccessToken":
        """Return a token for ``user`` within a login's refresh family."""
        token = cls._for(user)
        token[FAMILY_CLAIM] = str(family)
        return token

    @classmethod
    def for_key(cls, key: ApiKey, scopes: Iterable[str]) -> "AccessToken":
        """Return a token for the service account of ``key``, good for ``scopes``."""
        token = cls._for(key.user)
        token[KEY_CLAIM] = str(key.pk)
        token[SCOPE_CLAIM] = " ".join(scopes)
        return token

    @classmethod
    def _for(cls, user: User) -> "AccessToken":
        token = cls()
        token["sub"] = str(user.pk)
        token["email"] = user.email
        token["role"] = user.role
        token[VERSION_CLAIM] = user.token_version
        return token


class RefreshToken(_TenantToken, tokens.RefreshToken):  # type: ignore[misc]  # simplejwt's own bases disagree
    """Gets the next pair, once."""

    access_token_class = AccessToken

    @classmethod
    def for_login(cls, user: User, family: UUID) -> "RefreshToken":
        """Return a token for ``user``; its ``jti`` goes into the family."""
        token = cls()
        token["sub"] = str(user.pk)
        token[FAMILY_CLAIM] = str(family)
        return token


class LoginRefused(ValueError):
    """What somebody signs in with was changed at that moment, or they were let out."""


def open_login(user: User, **origin: Any) -> dict[str, str]:
    """Start a login and return its first pair: ``{"access", "refresh"}``.

    ``origin`` is where it comes from, as :func:`tenant_apps.users.logins.origin.origin_of` has it.

    Raises:
        LoginRefused: ``user`` is not any more as they were read.

    """
    family = uuid7()
    refresh = RefreshToken.for_login(user, family)
    with transaction.atomic():
        # A change of the password ends the logins it sees: this one must be seen, or see it.
        same = {"password": user.password, "token_version": user.token_version, "is_active": True}
        rows = User.objects.select_for_update(no_key=True).filter(pk=user.pk, **same)
        if not list(rows.values_list("pk")):
            raise LoginRefused
        RefreshFamily.objects.open(pk=family, user=user, jti=refresh["jti"], **origin)
    return {"access": str(AccessToken.for_login(user, family)), "refresh": str(refresh)}


def rotate_login(raw: str) -> dict[str, str]:
    """Exchange a refresh token for the next pair.

    Raises:
        RefreshRefused: it is invalid, used, revoked, or its user is gone.

    """
    try:
        presented = RefreshToken(raw)  # type: ignore[arg-type]  # simplejwt takes the text
        family = UUID(presented[FAMILY_CLAIM])
    except (TokenError, KeyError, ValueError) as error:
        raise RefreshRefused from error
    user = User.objects.filter(pk=presented["sub"], is_active=True).first()
    if user is None:
        raise RefreshRefused
    successor = RefreshToken.for_login(user, family)
    # Not in one transaction with what follows: a revoked family must stay revoked.
    RefreshFamily.objects.rotate(family=family, jti=presented["jti"], successor=successor["jti"])
    return {"access": str(AccessToken.for_login(user, family)), "refresh": str(successor)}


def close_login(family: UUID) -> None:
    """End one login: nothing more can be got with its refresh token."""
    RefreshFamily.objects.filter(pk=family, revoked_at=None).update(revoked_at=Now())
