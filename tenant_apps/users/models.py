import hashlib
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, Permission, PermissionsMixin
from django.db import models, transaction
from django.db.models.functions import Lower, Now
from django.utils import timezone
from uuid_utils.compat import uuid7

from shared_apps.tenants import settings_copy
from shared_apps.tenants.texts import one_line
from tenant_apps.history.recording import record

from .built_in_roles import FIRST_OWN_RANK


class RoleQuerySet(models.QuerySet["Role"]):
    def within_reach_of(self, user: Any) -> "RoleQuerySet":
        """Roles ``user`` may give or take: none above their rank, nor with more than they hold."""
        held = Permission.objects.filter(group__user=user)
        beyond = Permission.objects.filter(group=models.OuterRef("pk")).exclude(pk__in=held)
        return self.filter(rank__lte=user.rank).exclude(models.Exists(beyond))


class Role(Group):
    """A Django group with a rank: whoever has the higher one may manage the lower."""

    uuid = models.UUIDField(unique=True, default=uuid7, editable=False)
    # NULL, not empty: own roles have none, and unique must let them all.
    code = models.CharField(  # noqa: DJ001
        max_length=20, unique=True, null=True, editable=False, help_text="Of built-in roles only."
    )
    rank = models.PositiveSmallIntegerField(default=FIRST_OWN_RANK)
    description = models.CharField(max_length=200, blank=True)

    objects: ClassVar[Any] = RoleQuerySet.as_manager()  # type: ignore[assignment]  # not Group's

    class Meta:
        ordering = ["-rank", "name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_built_in(self) -> bool:
        """Whether code defines this role (it cannot be edited then)."""
        return self.code is not None

    def may_be_changed_by(self, user: Any) -> bool:
        """Whether ``user`` may edit this role.

        One of the portal's own, below their rank, and none they are in: nobody raises their
        own role.
        """
        is_own = self.user_set.filter(pk=user.pk).exists()
        return not self.is_built_in and self.rank < user.rank and not is_own


class UserManager(BaseUserManager["User"]):
    def create_member(
        self, email: str, password: str | None, *, role: str, password_hash: str = "", **values: Any
    ) -> "User":
        """Create a user of the tenant with one built-in role (its code)."""
        user = self._create(email, password, password_hash, **values)
        user.groups.add(Role.objects.get(code=role))
        return user

    def create_operator(self, email: str, password: str | None, **values: Any) -> "User":
        """Create an operator of the platform; for the public schema only."""
        return self._create(email, password, "", is_superuser=True, **values)

    def _create(
        self, email: str, password: str | None, password_hash: str, **values: Any
    ) -> "User":
        user = self.model(email=email.strip().lower(), **values)
        if password_hash:
            user.password = password_hash
        else:
            user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a user by e-mail, whatever its case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person: of a tenant in its schema, an operator in the public one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    email_verified_at = models.DateTimeField(null=True, blank=True, editable=False)
    token_version = models.PositiveIntegerField(
        default=0, editable=False, help_text="Raised to revoke every token at once."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"

    class Meta:
        ordering = ["email"]
        permissions = [("open_admin", "Can open the admin")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_is_lower_case"
            )
        ]

    def __str__(self) -> str:
        return self.email

    def top_role(self) -> Role | None:
        """Return the role with the highest rank, or None; read once an instance."""
        if not hasattr(self, "_top_role"):
            self._top_role = Role.objects.filter(user=self).order_by("-rank").first()
        return self._top_role

    @property
    def role(self) -> str:
        """The code (or name) of the highest role, as tokens carry it; empty for none."""
        role = self.top_role()
        return "" if role is None else (role.code or role.name)

    @property
    def rank(self) -> int:
        """The highest role's rank; 0 for none."""
        role = self.top_role()
        return 0 if role is None else role.rank

    def outranks(self, other: "User") -> bool:
        """Whether this person stands above ``other``."""
        return self.rank > other.rank

    @property
    def is_staff(self) -> bool:
        """Whether the admin opens for this person (Django's admin asks)."""
        return self.is_active and (self.is_superuser or self.has_perm("users.open_admin"))

    def revoke_tokens(self) -> None:
        """End every session's tokens from the next request on."""
        type(self).objects.filter(pk=self.pk).update(token_version=models.F("token_version") + 1)
        self.refresh_families.filter(revoked_at=None).update(revoked_at=Now())

    def is_last_owner(self) -> bool:
        """Whether nobody else could act as the owner.

        Locks the owners' rows: of two who are taken away at once, the second waits and sees.
        """
        owners = type(self).objects.filter(groups__role__code="owner", is_active=True)
        list(owners.select_for_update(of=["self"]).order_by("pk"))
        # Asked again: a statement that waited for a lock still sees what was before it.
        return list(owners.values_list("pk", flat=True)) == [self.pk]

    def mark_email_verified(self) -> None:
        """Note that the address was confirmed, once."""
        unverified = type(self).objects.filter(pk=self.pk, email_verified_at=None)
        with transaction.atomic():
            if unverified.update(email_verified_at=Now()):
                record(self, email_verified_at=(None, timezone.now()))


class RefreshRefused(ValueError):
    """A refresh token is unknown, used, revoked or too old."""


def _digest(jti: str) -> bytes:
    return hashlib.sha256(jti.encode()).digest()


class RefreshFamilyManager(models.Manager["RefreshFamily"]):
    def open(self, *, pk: UUID, user: User, jti: str) -> "RefreshFamily":
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
    user = models.ForeignKey(User, models.CASCADE, related_name="refresh_families")
    current = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    rotated_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects = RefreshFamilyManager()

    def __str__(self) -> str:
        return f"login of {self.user_id}"


class CatalogueReaders(models.TextChoices):
    ANYONE = "anyone", "Anyone"
    MEMBERS = "members", "Signed-in members"
    GRANTED = "granted", "Only people and roles to whom it was granted"


class PortalSettings(models.Model):
    """The tenant's own settings: one row, copied to the shared side when it changes."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(max_length=120, validators=[one_line])
    currency = models.CharField(max_length=3, default="EUR")
    catalogue_readers = models.CharField(
        "who may read the catalogue",
        max_length=10,
        choices=CatalogueReaders,
        default=CatalogueReaders.ANYONE,
    )

    class Meta:
        verbose_name = verbose_name_plural = "portal settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="portal_settings_one_row"),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"),
                name="portal_settings_currency_is_iso_4217",
                violation_error_message="A currency is three capital letters, as in EUR.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def store(self) -> None:
        """Save and publish in one transaction: the copy never differs for long."""
        with transaction.atomic():
            self.save()
            settings_copy.publish(self.as_copy())

    def as_copy(self) -> dict[str, str]:
        """Return what the shared side keeps: plain values only."""
        return {
            "name": self.name,
            "currency": self.currency,
            "catalogue_readers": self.catalogue_readers,
        }
