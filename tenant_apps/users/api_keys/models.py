import hashlib
from datetime import timedelta
from hmac import compare_digest
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from tenant_apps.history.recording import record

from .networks import an_ip_network, is_in

# A program asks many times a second: it is noted once.
_NOTE_EVERY = timedelta(minutes=1)


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret; it is drawn, so that a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).digest()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self) -> "ApiKeyQuerySet":
        """Those that are neither revoked nor expired."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        return self.filter(unexpired, revoked_at=None)

    def opened_by(self, key_id: UUID, secret: str, *, address: str) -> "ApiKey | None":
        """Return the key whose secret this is, if it may be used from ``address``: in one read.

        Whatever is wrong, the work is the same.
        """
        key = self.select_related("user").filter(pk=key_id).first()
        kept = digest_of("") if key is None else bytes(key.digest)
        is_secret = compare_digest(kept, digest_of(secret))
        return key if key is not None and key.is_usable_from(address) and is_secret else None


class ApiKey(models.Model):
    """What a program signs in with, of which a digest is kept; never more than its role may."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=120)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="api_keys",
        verbose_name=_("service account"),
    )
    digest = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=40), verbose_name=_("scopes"))
    addresses = ArrayField(
        models.CharField(max_length=43, validators=[an_ip_network]),
        default=list,
        blank=True,
        verbose_name=_("addresses"),
        help_text=_("Addresses or networks it works from, separated by commas; none: from all."),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires at"), null=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)
    last_used_at = models.DateTimeField(_("last used"), null=True)

    objects: ClassVar[Any] = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at"]
        default_permissions = ()
        permissions = [("manage_apikey", "Can manage API keys")]

    def __str__(self) -> str:
        return self.name

    def is_usable_from(self, address: str) -> bool:
        """Whether it is live, its account may act, and ``address`` is one of its own."""
        is_over = self.expires_at is not None and self.expires_at <= timezone.now()
        is_live = self.revoked_at is None and not is_over and self.user.is_active
        return is_live and (not self.addresses or is_in(address, self.addresses))

    def note_use(self) -> None:
        """Note that it was used, once a minute at most."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > _NOTE_EVERY:
            type(self).objects.filter(pk=self.pk).update(last_used_at=now)

    def end(self, at: Any = None) -> bool:
        """Let a live key end at a time, or be revoked now; tell whether it was live."""
        field = "revoked_at" if at is None else "expires_at"
        live = type(self).objects.live().filter(pk=self.pk)
        with transaction.atomic():
            is_won = bool(live.update(**{field: at or Now()}))
            if is_won:
                record(self, **{field: (getattr(self, field), at or timezone.now())})
        return is_won
