import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from ..models import User


# A page loads a dozen things: it is noted once.
_TOUCH_EVERY = timedelta(minutes=5)


class RefreshRefused(ValueError):
    """A refresh token is unknown, used, revoked or too old."""


def _digest(jti: str) -> bytes:
    return hashlib.sha256(jti.encode()).digest()


class RefreshFamilyManager(models.Manager["RefreshFamily"]):
    def alive(self) -> "models.QuerySet[RefreshFamily]":
        """Return the logins that have neither ended nor run out."""
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())

    def open(self, *, pk: UUID, user: "User", jti: str, **origin: Any) -> "RefreshFamily":
        """Start the family of a login with its first token; ``origin`` is where it came from."""
        digest = _digest(jti)
        return self.create(pk=pk, user=user, current=digest, expires_at=self._expiry(), **origin)

    def open_browser(self, *, user: "User", seconds: int, **origin: Any) -> "RefreshFamily":
        """Note that a browser's session began, which lasts so long; it has no token."""
        expires_at = timezone.now() + timedelta(seconds=seconds)
        return self.create(user=user, is_browser=True, current=b"", expires_at=expires_at, **origin)

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
    """One login: a chain of refresh tokens, of which only the current one's digest is kept.

    Or a browser's session, which has none and names this row.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="refresh_families",
        verbose_name=_("user"),
    )
    current = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32, null=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    rotated_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    is_browser = models.BooleanField(_("in a browser"), default=False, db_default=False)
    user_agent = models.CharField(
        _("user agent"), max_length=200, blank=True, default="", db_default=""
    )
    address = models.GenericIPAddressField(_("address"), null=True)

    objects = RefreshFamilyManager()

    class Meta:
        verbose_name = _("login")
        verbose_name_plural = _("logins")

    def __str__(self) -> str:
        return _("login of %(person)s") % {"person": self.user_id}

    @property
    def last_used_at(self) -> datetime:
        """When it was last refreshed; of a browser's session, seen, within some minutes."""
        return self.rotated_at or self.created_at

    def end(self) -> None:
        """Let it go on no more, from the next request."""
        type(self).objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=Now())

    def touch(self, *, seconds: int) -> None:
        """Note that a browser's session goes on, and may for so long."""
        now = timezone.now()
        if now - self.last_used_at > _TOUCH_EVERY:
            expires_at = now + timedelta(seconds=seconds)
            type(self).objects.filter(pk=self.pk).update(rotated_at=now, expires_at=expires_at)
