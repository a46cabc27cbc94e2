import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower, Now, Replace
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from shared_apps.plans.entitlements import Entitlements
from shared_apps.plans.models import Plan

from .active import ActiveTenant

SCHEMA_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def new_schema_name() -> str:
    """Return a schema name: ``t_`` and 12 lower-case base32 characters (60 random bits)."""
    return "t_" + "".join(secrets.choice(SCHEMA_ALPHABET) for _ in range(12))


class TenantStatus(models.TextChoices):
    PROVISIONING = "provisioning", _("Ready in the pool")
    ACTIVE = "active", _("Active")
    PAST_DUE = "past_due", _("Past due")
    SUSPENDED = "suspended", _("Suspended")
    CLOSING = "closing", _("Closing")
    CLOSED = "closed", _("Closed")


class IllegalTransition(ValueError):
    """A tenant cannot go from its present status to the one asked for."""


TRANSITIONS: dict[str, frozenset[str]] = {
    TenantStatus.PROVISIONING: frozenset({TenantStatus.ACTIVE, TenantStatus.CLOSED}),
    TenantStatus.ACTIVE: frozenset(
        {TenantStatus.PAST_DUE, TenantStatus.SUSPENDED, TenantStatus.CLOSING}
    ),
    TenantStatus.PAST_DUE: frozenset(
        {TenantStatus.ACTIVE, TenantStatus.SUSPENDED, TenantStatus.CLOSING}
    ),
    TenantStatus.SUSPENDED: frozenset({TenantStatus.ACTIVE, TenantStatus.CLOSING}),
    TenantStatus.CLOSING: frozenset(
        {TenantStatus.ACTIVE, TenantStatus.SUSPENDED, TenantStatus.CLOSED}
    ),
    TenantStatus.CLOSED: frozenset(),
}


class TenantQuerySet(models.QuerySet["Tenant"]):
    def ready(self) -> "TenantQuerySet":
        """Unclaimed tenants of the warm pool."""
        return self.filter(status=TenantStatus.PROVISIONING)

    def claimed(self) -> "TenantQuerySet":
        """Tenants that belong to somebody and still have a schema."""
        return self.exclude(status__in=[TenantStatus.PROVISIONING, TenantStatus.CLOSED])

    def with_schema(self) -> "TenantQuerySet":
        """All tenants whose schema exists."""
        return self.exclude(status=TenantStatus.CLOSED)


class Tenant(models.Model):
    """A company's portal: one schema, one role, and what the platform knows of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    schema_name = models.CharField(
        _("schema name"), max_length=14, unique=True, default=new_schema_name, editable=False
    )
    name = models.CharField(_("name"), max_length=120, blank=True)
    status = models.CharField(
        _("status"), max_length=12, choices=TenantStatus, default=TenantStatus.PROVISIONING
    )
    plan = models.ForeignKey(
        Plan, models.PROTECT, null=True, blank=True, related_name="tenants", verbose_name=_("plan")
    )
    grace_until = models.DateTimeField(_("grace until"), null=True, blank=True)
    # Of the subscription, for the portal's pages.
    trial_ends_at = models.DateTimeField(_("trial ends at"), null=True, editable=False)
    plan_ends_at = models.DateTimeField(_("plan ends at"), null=True, editable=False)
    settings_copy = models.JSONField(
        default=dict, editable=False, help_text="The portal's own settings, as last committed."
    )
    cache_generation = models.CharField(
        max_length=8, default="0", editable=False, help_text="Part of every cache key."
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    claimed_at = models.DateTimeField(_("claimed at"), null=True, editable=False)
    dropped_at = models.DateTimeField(null=True, editable=False)
    changed_at = models.DateTimeField(
        _("changed at"),
        db_default=Now(),
        db_index=True,
        editable=False,
        help_text=_("The domain map watches this."),
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(schema_name__regex=r"^t_[a-z2-7]{12}$"),
                name="tenant_schema_name_is_ours",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=TenantStatus.values), name="tenant_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.schema_name

    def change(self, **values: Any) -> None:
        """Write ``values`` and tell every process's domain map (within a second)."""
        for name, value in values.items():
            setattr(self, name, value)
        type(self).objects.filter(pk=self.pk).update(**values, changed_at=Now())

    def move_to(self, status: str, **values: Any) -> None:
        """Go to ``status`` if the state machine allows it.

        Raises:
            IllegalTransition: it does not, or another process was faster.

        """
        allowed_from = [source for source, targets in TRANSITIONS.items() if status in targets]
        moved = (
            type(self)
            .objects.filter(pk=self.pk, status__in=allowed_from)
            .update(status=status, **values, changed_at=Now())
        )
        if not moved:
            raise IllegalTransition(f"A tenant cannot go from {self.status} to {status}.")
        self.refresh_from_db()

    def clear_cache(self) -> None:
        """Let nothing that is cached for this tenant be found again: at most a second later.

        The next generation is a random name, so that what an older one left never comes back.
        """
        self.change(cache_generation=secrets.token_hex(4))

    def mark_dropped(self) -> None:
        """Note that schema and role are gone; the domains stay as tombstones."""
        self.change(dropped_at=Now())

    def fall_past_due(self, *, grace: timedelta) -> None:
        """Payment failed: everything works for ``grace``, then the portal is read-only."""
        self.move_to(TenantStatus.PAST_DUE, grace_until=Now() + grace)

    def primary_host(self) -> str:
        """Return the host that links use; empty for a tenant of the pool."""
        return next((d.host for d in self.domains.all() if d.is_primary), "")

    @property
    def entitlements(self) -> Entitlements:
        """What its plan gives."""
        return self.plan.entitlements if self.plan else Entitlements()

    def snapshot(self) -> ActiveTenant:
        """Return what running code may know of this tenant (needs plan and domains)."""
        return ActiveTenant(
            id=self.pk,
            schema_name=self.schema_name,
            name=self.settings_copy.get("name") or self.name,
            status=self.status,
            primary_host=self.primary_host(),
            plan_code=self.plan.code if self.plan else "",
            grace_until=self.grace_until,
            trial_ends_at=self.trial_ends_at,
            plan_ends_at=self.plan_ends_at,
            changed_at=self.changed_at,
            cache_generation=self.cache_generation,
            entitlements=self.entitlements,
            settings=dict(self.settings_copy),
        )


def looks_like(host: Any) -> Any:
    """Return the expression of how a host reads: what it could be mistaken for reads the same.

    0 as o, 1 and i as l, 3 as e, 5 as s, rn as m, vv as w, and no hyphens.
    """
    translated = models.Func(
        host, models.Value("0135i-"), models.Value("olesl"), function="translate"
    )
    text = models.CharField()
    return Replace(
        Replace(translated, models.Value("rn"), models.Value("m"), output_field=text),
        models.Value("vv"),
        models.Value("w"),
        output_field=text,
    )


class Domain(models.Model):
    """A host name that leads to a tenant; renaming a portal changes nothing but this."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    host = models.CharField(_("host"), max_length=253)
    tenant = models.ForeignKey(
        Tenant, models.CASCADE, related_name="domains", verbose_name=_("tenant")
    )
    is_primary = models.BooleanField(_("is primary"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("domain")
        verbose_name_plural = _("domains")
        constraints = [
            models.UniqueConstraint(
                Lower("host"),
                name="domain_host_unique",
                violation_error_message=_("This address is taken."),
            ),
            models.UniqueConstraint(
                looks_like("host"),
                name="domain_host_not_mistakable",
                violation_error_message=_("This address reads like one that is taken."),
            ),
            models.CheckConstraint(
                condition=models.Q(host=Lower("host")), name="domain_host_is_lower_case"
            ),
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(is_primary=True), name="domain_one_primary"
            ),
        ]

    def __str__(self) -> str:
        return self.host


def platform_host(subdomain: str) -> str:
    """Return the full host name of ``subdomain`` on this installation."""
    return f"{subdomain}.{settings.FREEHOLD_DOMAIN}"


class DeadTask(models.Model):
    """A task that was refused: it named no tenant, an unknown one, or one it may not run in.

    Kept for the operators, since the broker forgets it; never run in public instead.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(_("task"), max_length=200)
    tenant = models.CharField(
        _("tenant"), max_length=100, blank=True, help_text=_("As the message named it.")
    )
    arguments = models.JSONField(_("arguments"), default=list)
    why = models.CharField(_("why"), max_length=200)
    refused_at = models.DateTimeField(_("refused at"), auto_now_add=True)

    class Meta:
        verbose_name = _("dead task")
        verbose_name_plural = _("dead tasks")
        ordering = ["-refused_at"]

    def __str__(self) -> str:
        return f"{self.task}: {self.why}"
