import hashlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from ..models import User


class RefreshRefused(ValueError):
    """A refresh token is unknown, used, revoked or too old."""


def _digest(jti: str) -> bytes:
    return hashlib.sha256(jti.encode()).digest()


class RefreshFamilyManager(models.Manager["RefreshFamily"]):
    def open(self, *, pk: UUID, user: "User", jti: str) -> "RefreshFamily":
        """Start the family of a login with its first token."""
        return self.create(pk=pk, user=user, current=_digest(jti), expires_at=self._expiry())

    def rotate(self, *, family: UUID, jti: str, successor: str) -> None:
        """Replace ``jti`` by ``successor``: of any number of simultaneous calls, one wins.

        A token used a second time is a sign of theft and revokes the family, unless it is the
        one just replaced, within ``REFRESH_REUSE_GRACE``: then an answer was lost or two tabs
        were quick.

        Raises:
            RefreshRefused: the token is not the family's current one.

        """
        old = _digest(jti)
        now = timezone.now()
        # No join in this filter: it would become a subquery that a second UPDATE does not
        # check again after waiting for the first, and both would win.
        won = self.filter(pk=family, current=old, revoked_at=None, expires_at__gt=now).update(
            current=_digest(successor), previous=old, rotated_at=Now(), expires_at=self._expiry()
        )
        if won:
            return
        self.filter(pk=family, revoked_at=None).exclude(
            previous=old, rotated_at__gt=now - settings.REFRESH_REUSE_GRACE
        ).update(revoked_at=Now())
        raise RefreshRefused

    def _expiry(self) -> Any:
        lifetime: Any = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
        return timezone.now() + lifetime


class RefreshFamily(models.Model):
    """One login's chain of refresh tokens; only the digest of the current one is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="refresh_families"
    )
    current = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    rotated_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects = RefreshFamilyManager()

    def __str__(self) -> str:
        return f"login of {self.user_id}"
