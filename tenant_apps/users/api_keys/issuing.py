"""Making, replacing and revoking keys. Nobody makes one that could do more than they may."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from uuid_utils.compat import uuid7

from shared_apps.tenants.plan_limits import require

from ..models import ApiKey, Role, User
from ..roles.giving import BeyondReach, check_reach
from .models import digest_of
from .text import make_key, read_key

# How long a key that was replaced goes on, if nothing else is said.
OVERLAP = timedelta(hours=24)


class KeyClosed(ValueError):
    """The key was revoked or has expired."""


def issue(
    *,
    acting: User,
    name: str,
    role: Role,
    scopes: Iterable[str],
    addresses: Iterable[str] = (),
    lifetime: timedelta | None = None,
) -> tuple[ApiKey, str]:
    """Make a service account with ``role`` and its first key; return the key and its text.

    The text can be had here and never again. Without ``lifetime`` the key does not expire.

    Raises:
        FeatureMissing: the plan has no API keys; those there go on, and can be rotated.
        BeyondReach: ``role`` is beyond the reach of ``acting``, or is the owner's.

    """
    check_issue(acting=acting, role=role)
    with transaction.atomic():
        account = User.objects.create_service_account(name=name, role=role)
        return _make(
            user=account,
            name=name,
            scopes=sorted(scopes),
            addresses=list(addresses),
            created_by=acting,
            lifetime=lifetime,
        )


def check_issue(*, acting: User, role: Role) -> None:
    """Refuse what :func:`issue` would.

    Raises:
        FeatureMissing, BeyondReach: as :func:`issue`.

    """
    require("api_keys")
    if role.code == "owner":
        raise BeyondReach(_("No service account is an owner."))
    check_reach(acting=acting, roles=[role])


def rotate(*, acting: User, key: ApiKey, overlap: timedelta = OVERLAP) -> tuple[ApiKey, str]:
    """Make the next key of a key's account, as long-lived; the one before ends after ``overlap``.

    Raises:
        BeyondReach: a role of the account is beyond the reach of ``acting``.
        KeyClosed: ``key`` was revoked or has expired.

    """
    _check_account(acting, key)
    ends_at = timezone.now() + overlap
    if key.expires_at is not None:
        ends_at = min(ends_at, key.expires_at)
    with transaction.atomic():
        if not key.end(ends_at):
            raise KeyClosed(_("This key was revoked or has expired."))
        return _make(
            user=key.user,
            name=key.name,
            scopes=key.scopes,
            addresses=key.addresses,
            created_by=acting,
            lifetime=key.expires_at - key.created_at if key.expires_at else None,
        )


def revoke(*, acting: User, key: ApiKey) -> None:
    """Make a key void, and every token that was got with it, from the next request on.

    Raises:
        BeyondReach: a role of the account is beyond the reach of ``acting``.
        KeyClosed: it was revoked before or has expired.

    """
    _check_account(acting, key)
    if not key.end():
        raise KeyClosed(_("This key was revoked or has expired."))


def _check_account(acting: User, key: ApiKey) -> None:
    check_reach(acting=acting, roles=Role.objects.filter(user=key.user))


def _make(
    *,
    user: User,
    name: str,
    scopes: list[str],
    addresses: list[str],
    created_by: User,
    lifetime: timedelta | None,
) -> tuple[ApiKey, str]:
    key_id: UUID = uuid7()
    text = make_key(key_id)
    key = ApiKey.objects.create(
        pk=key_id,
        user=user,
        name=name,
        digest=digest_of(read_key(text)[1]),
        scopes=scopes,
        addresses=addresses,
        created_by=created_by,
        expires_at=timezone.now() + lifetime if lifetime else None,
    )
    return key, text
