import re
from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, Permission, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from shared_apps.tenants import settings_copy
from shared_apps.tenants.kept_queries import kept_query
from shared_apps.tenants.links import portal_url
from shared_apps.tenants.plan_limits import Limited, LimitedQuerySet, require
from shared_apps.tenants.stamps import check_instance
from shared_apps.tenants.texts import one_line
from tenant_apps.files.models import StoredFile
from tenant_apps.files.pictures import Picture
from tenant_apps.history.recording import record

from .api_keys.models import ApiKey
from .built_in_roles import FIRST_OWN_RANK
from .invitations.models import Invitation
from .logins.models import RefreshFamily, RefreshRefused

__all__ = ["ApiKey", "Invitation", "RefreshFamily", "RefreshRefused"]  # found through this module


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
    rank = models.PositiveSmallIntegerField(_("rank"), default=FIRST_OWN_RANK)
    description = models.CharField(_("description"), max_length=200, blank=True)

    objects: ClassVar[Any] = RoleQuerySet.as_manager()  # type: ignore[assignment]  # not Group's

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
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


# Of a person's credentials, what the history tells of.
_TOLD = frozenset({"email", "password"})


class UserManager(BaseUserManager["User"]):
    def get_queryset(self) -> LimitedQuerySet["User"]:
        """Return the people, held to the plan's limit."""
        return LimitedQuerySet(self.model, using=self._db)

    def create_member(
        self, email: str, password: str | None, *, role: str, password_hash: str = "", **values: Any
    ) -> "User":
        """Create a user of the tenant with one built-in role (its code)."""
        user = self._create(email, password, password_hash, **values)
        user.groups.add(Role.objects.get(code=role))
        return user

    def create_with_roles(
        self, email: str, password_hash: str, *, roles: "Iterable[Role]", **values: Any
    ) -> "User":
        """Create a user of the tenant with any roles."""
        user = self._create(email, None, password_hash, **values)
        user.groups.set([role.pk for role in roles])
        return user

    def create_service_account(self, *, name: str, role: Role) -> "User":
        """Create an account for a program: it has a role, no mailbox, and never a password."""
        key = uuid7()
        user = self._create(
            f"{key.hex}@service.invalid", None, "", id=key, name=name, is_service=True
        )
        user.groups.add(role)
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


class User(Limited, AbstractBaseUser, PermissionsMixin):
    """A person: of a tenant in its schema, an operator in the public one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("email"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    is_active = models.BooleanField(_("is active"), default=True)
    is_service = models.BooleanField(
        _("service account"), default=False, db_default=False, editable=False
    )
    email_verified_at = models.DateTimeField(
        _("email verified at"), null=True, blank=True, editable=False
    )
    token_version = models.PositiveIntegerField(
        default=0, editable=False, help_text="Raised to revoke every token at once."
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"

    limit = "max_users"
    limited = models.Q(is_active=True, is_service=False)
    limited_by = frozenset({"is_active", "is_service"})

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["email"]
        permissions = [
            ("open_admin", "Can open the admin"),
            ("invite_user", "Can invite people"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_is_lower_case"
            ),
            models.CheckConstraint(
                condition=models.Q(is_service=False) | models.Q(password__startswith="!"),  # noqa: S106  # the mark of none
                name="user_service_account_has_no_password",
            ),
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

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Ask as Django does, with everything the person may do read in one kept statement."""
        if self.is_active and not self.is_superuser and not hasattr(self, "_perm_cache"):
            check_instance(self)
            # Where Django's backend looks first.
            self._perm_cache = {f"{app}.{name}" for app, name in _permissions_of(user=self.pk)}
        return super().has_perm(perm, obj)

    def revoke_tokens(self) -> None:
        """End every session's tokens from the next request on."""
        type(self).objects.filter(pk=self.pk).update(token_version=models.F("token_version") + 1)
        self.end_logins()

    def end_logins(self, *, but: UUID | None = None) -> None:
        """End every login, or every one ``but`` the named."""
        ending = self.refresh_families.filter(revoked_at=None)
        if but is not None:
            ending = ending.exclude(pk=but)
        ending.update(revoked_at=Now())

    def change_credentials(self, **values: Any) -> bool:
        """Write ``values`` if password, address and version are as they were read.

        Of any number of simultaneous calls from the same state one wins, if ``values`` changes it.
        """
        same = {name: getattr(self, name) for name in ("pk", "password", "email", "token_version")}
        with transaction.atomic():
            if not type(self).objects.filter(**same, is_active=True).update(**values):
                return False
            record(self, **{name: self._told(name, values[name]) for name in _TOLD & set(values)})
            return True

    def _told(self, name: str, value: Any) -> tuple[Any, Any]:
        """Return what the history tells of a change: of a password, that it was changed."""
        return ("***", "***") if name == "password" else (getattr(self, name), value)

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


@kept_query
def _permissions_of(*, user: UUID | None) -> Any:
    """Find app and codename of what ``user`` may do, by themselves or by a role."""
    own = User.user_permissions.through._default_manager.filter(user=user)
    roles = Group.permissions.through._default_manager.filter(group__user=user)
    by_role = models.Q(pk__in=roles.values("permission"))
    found = Permission.objects.filter(by_role | models.Q(pk__in=own.values("permission")))
    return found.order_by().values_list("content_type__app_label", "codename")


def readable_colour(value: str) -> None:
    """Refuse what is no colour, or one on which white text cannot be read (WCAG 2.2, 1.4.3).

    Raises:
        ValidationError: its contrast with white is below 4.5.

    """
    if not re.fullmatch(r"#[0-9a-f]{6}", value):
        raise ValidationError(_("A colour is # and six digits of 0-9 and a-f."), code="no_colour")
    if contrast_with_white(value) < 4.5:
        raise ValidationError(_("White text cannot be read on this colour."), code="too_light")


def contrast_with_white(colour: str) -> float:
    """Return the contrast ratio of ``#rrggbb`` with white, 1 to 21, as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)


def known_time_zone(value: str) -> None:
    """Refuse a name that is no time zone.

    Raises:
        ValidationError: it is none of the IANA database.

    """
    if value not in available_timezones():
        raise ValidationError(_("There is no such time zone."), code="no_time_zone")


class CatalogueReaders(models.TextChoices):
    ANYONE = "anyone", _("Anyone")
    MEMBERS = "members", _("Signed-in members")
    GRANTED = "granted", _("Only people and roles to whom it was granted")


class PortalSettings(models.Model):
    """The tenant's own settings: one row, copied to the shared side when it changes."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(_("name"), max_length=120, validators=[one_line])
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    catalogue_readers = models.CharField(
        _("who may read the catalogue"),
        max_length=10,
        choices=CatalogueReaders,
        default=CatalogueReaders.ANYONE,
    )

    colour = models.CharField(
        _("colour"),
        max_length=7,
        default="#1f5fbf",
        help_text=_("Of buttons and links, as #1f5fbf; dark enough for white text on it."),
        validators=[readable_colour],
    )
    language = models.CharField(
        _("language"), max_length=5, choices=settings.LANGUAGES, default="en"
    )
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[known_time_zone]
    )
    logo = models.OneToOneField(
        StoredFile,
        models.SET_NULL,
        null=True,
        editable=False,
        db_constraint=False,  # this table is in public too, where there are no files
        verbose_name=_("logo"),
    )

    class Meta:
        verbose_name = verbose_name_plural = _("portal settings")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(colour__regex=r"^#[0-9a-f]{6}$"),
                name="portal_settings_colour_is_hexadecimal",
                violation_error_message=_("A colour is # and six digits of 0-9 and a-f."),
            ),
            models.CheckConstraint(condition=models.Q(id=1), name="portal_settings_one_row"),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"),
                name="portal_settings_currency_is_iso_4217",
                violation_error_message=_("A currency is three capital letters, as in EUR."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def change(self, **values: Any) -> None:
        """Write ``values`` and publish."""
        for name, value in values.items():
            setattr(self, name, value)
        with transaction.atomic():
            self.save(update_fields=list(values))
            settings_copy.publish(type(self).objects.get().as_copy())

    @property
    def logo_url(self) -> str | None:
        """The absolute address of the logo, or None."""
        return portal_url(f"/logo/?v={str(self.logo_id)[-8:]}") if self.logo_id else None

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
            "colour": self.colour,
            "language": self.language,
            "time_zone": self.time_zone,
            "logo": str(self.logo_id or ""),
        }

    def show_logo(self, picture: Picture | None, *, user: Any = None) -> None:
        """Show ``picture`` as the portal's logo from now on, or none.

        Raises:
            FeatureMissing: the plan has no logo of one's own; the one there may go.

        """
        if picture:
            require("own_logo")
        with transaction.atomic():
            before = type(self).objects.select_for_update(of=["self"]).get(pk=self.pk).logo
            self.logo = StoredFile.objects.store(picture, user=user) if picture else None
            self.save(update_fields=["logo"])
            settings_copy.publish(self.as_copy())
            if before is not None:
                before.remove()
