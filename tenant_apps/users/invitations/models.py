import hashlib
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.signing import BadSignature, Signer
from django.db import models, transaction
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from shared_apps.tenants.links import tenant_salt
from tenant_apps.history.recording import record

if TYPE_CHECKING:
    from ..models import Role


class InvitationState(models.TextChoices):
    OPEN = "open", _("Open")
    ACCEPTED = "accepted", _("Accepted")
    REVOKED = "revoked", _("Revoked")
    EXPIRED = "expired", _("Expired")


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def pending(self) -> "InvitationQuerySet":
        """Neither accepted nor revoked, however old."""
        return self.filter(accepted_at=None, revoked_at=None)

    def open(self) -> "InvitationQuerySet":
        """Those that can be accepted."""
        return self.pending().filter(expires_at__gt=timezone.now())

    def named_by(self, token: str) -> "InvitationQuerySet":
        """Return the one whose link ``token`` may be, if any; of a forged one, nobody's."""
        try:
            key, _, serial = _signer().unsign(token).partition("-")
        except BadSignature:
            # Asked for like any other: nothing can be told from how long it takes.
            key, serial = uuid4().hex, "0"
        return self.filter(pk=key, serial=serial)

    def of_nobody_here(self) -> "InvitationQuerySet":
        """Leave out those whose address is a person's."""
        people = get_user_model().objects.filter(email=models.OuterRef("email"))
        return self.exclude(models.Exists(people))


class InvitationManager(models.Manager["Invitation"]):
    def create_for(self, email: str, *, roles: "list[Role]", **values: Any) -> "Invitation":
        """Create an invitation of ``email`` (in lower case) into ``roles``."""
        invitation = self.create(email=email, **values)
        invitation.roles.set([role.pk for role in roles])
        return invitation


class Invitation(models.Model):
    """Somebody was asked in: an address, the roles they will have, who asked.

    Its link is derived from the row when it is sent, so that it can be sent again; the row keeps
    a digest. Sent anew, the invitation has another ``serial``, and the former link is void.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("email"))
    roles = models.ManyToManyField("users.Role", related_name="+", verbose_name=_("roles"))
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("invited by"),
    )
    serial = models.PositiveIntegerField(default=1, editable=False)
    digest = models.BinaryField(max_length=32, null=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires at"))
    accepted_at = models.DateTimeField(_("accepted at"), null=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    objects: ClassVar[Any] = InvitationManager.from_queryset(InvitationQuerySet)()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at"]
        # Who may invite may see whom; `users.invite_user` is the one permission.
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_one_pending_an_address",
            ),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="invitation_email_is_lower_case"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def state(self) -> InvitationState:
        """What has become of it."""
        if self.accepted_at:
            return InvitationState.ACCEPTED
        if self.revoked_at:
            return InvitationState.REVOKED
        is_open = self.expires_at > timezone.now()
        return InvitationState.OPEN if is_open else InvitationState.EXPIRED

    def make_token(self) -> str:
        """Return the token of the present link, the same each time, and keep its digest."""
        token = _signer().sign(f"{self.pk.hex}-{self.serial}")
        self.digest = self.digest_of(token)
        self.save(update_fields=["digest"])
        return token

    def digest_of(self, token: str) -> bytes:
        """Return what is kept of a token: bound to the tenant and to the address."""
        bound = f"{tenant_salt('invitation')}:{self.email}:{token}"
        return hashlib.sha256(bound.encode()).digest()

    def is_opened_by(self, token: str) -> bool:
        """Whether ``token`` is the link that was sent last, to this address from this portal."""
        return self.digest is not None and compare_digest(self.digest, self.digest_of(token))

    def close(self, field: str) -> bool:
        """Note that it was accepted or revoked (``field``) if it is pending; of two, one wins."""
        pending = type(self).objects.pending().filter(pk=self.pk)
        with transaction.atomic():
            is_won = bool(pending.update(**{field: Now()}))
            if is_won:
                record(self, **{field: (None, timezone.now())})
        return is_won


def _signer() -> Signer:
    return Signer(salt=tenant_salt("invitation"))
