from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from shared_apps.plans.models import Plan
from shared_apps.tenants.models import Tenant

from .usage.models import UsageBatch, UsagePeriod

__all__ = ["UsageBatch", "UsagePeriod"]  # found through this module


class Interval(models.TextChoices):
    MONTH = "month", _("month")
    YEAR = "year", _("year")


class SubscriptionStatus(models.TextChoices):
    """As Stripe names them; a subscription that nobody is charged for is active."""

    TRIALING = "trialing", _("On trial")
    ACTIVE = "active", _("Active")
    INCOMPLETE = "incomplete", _("First payment open")
    PAST_DUE = "past_due", _("Payment failed")
    UNPAID = "unpaid", _("Not paid")
    PAUSED = "paused", _("Paused")
    CANCELED = "canceled", _("Ended")


class Dunning(models.TextChoices):
    """How far the portal has come because it is not paid for; nothing else is undone by paying."""

    NONE = "", _("none")
    PAST_DUE = "past_due", _("Past due")
    SUSPENDED = "suspended", _("Suspended")
    CLOSING = "closing", _("Closing")


# What a portal's pages tell their owner of is copied to its tenant.
_ON_PAGES = frozenset({"status", "trial_ends_at", "period_ends_at", "cancels_at_period_end"})


class Subscriptions(models.QuerySet["Subscription"]):
    def locked(self, pk: UUID) -> Self:
        """Lock a row until the transaction ends; return it with its tenant, if it is one of these.

        Both are read once the lock is held: a joined row would be as old as the wait.
        """
        list(self.model.objects.select_for_update(no_key=True).filter(pk=pk).values_list("pk"))
        return self.select_related("tenant", "plan").filter(pk=pk)


class Subscription(models.Model):
    """Which plan a tenant has, since when, and how it is paid.

    Without ``stripe_subscription`` nobody is charged: the free plan, or one that an operator gave.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.OneToOneField(
        Tenant, models.PROTECT, related_name="subscription", verbose_name=_("tenant")
    )
    plan = models.ForeignKey(
        Plan, models.PROTECT, related_name="subscriptions", verbose_name=_("plan")
    )
    owner_email = models.EmailField(_("owner's e-mail"))
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=SubscriptionStatus,
        default=SubscriptionStatus.ACTIVE,
    )
    interval = models.CharField(
        _("interval"), max_length=5, choices=Interval, default=Interval.MONTH
    )
    trial_ends_at = models.DateTimeField(_("trial ends at"), null=True, blank=True)
    period_ends_at = models.DateTimeField(_("period ends at"), null=True, blank=True)
    cancels_at_period_end = models.BooleanField(_("cancels at the period's end"), default=False)
    dunning = models.CharField(
        _("dunning"), max_length=9, choices=Dunning, default=Dunning.NONE, blank=True
    )
    dunning_since = models.DateTimeField(_("dunning since"), null=True, blank=True)
    stripe_customer = models.CharField(_("Stripe customer"), max_length=255, blank=True)
    stripe_subscription = models.CharField(_("Stripe subscription"), max_length=255, blank=True)
    # Each look at Stripe has a number before it begins, and is written only if no later one was.
    looks = models.PositiveIntegerField(default=0, editable=False)
    looked = models.PositiveIntegerField(default=0, editable=False)
    looked_at = models.DateTimeField(_("compared with Stripe at"), null=True, editable=False)

    objects = Subscriptions.as_manager()

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = [
            models.UniqueConstraint(
                fields=[name], condition=~models.Q(**{name: ""}), name=f"subscription_{name}"
            )
            for name in ("stripe_customer", "stripe_subscription")
        ]
        # Of the few that time changes; the others are not looked at.
        indexes = [
            models.Index(
                fields=["dunning"], name="subscription_dunned", condition=~models.Q(dunning="")
            ),
            models.Index(
                fields=["trial_ends_at"],
                name="subscription_on_trial",
                condition=models.Q(status="trialing"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} on {self.plan}"

    def change(self, **values: Any) -> None:
        """Write ``values``, and what the portal's pages tell of them."""
        for name, value in values.items():
            setattr(self, name, value)
        type(self).objects.filter(pk=self.pk).update(**values)
        if not _ON_PAGES.isdisjoint(values):
            self._tell_pages()

    def _tell_pages(self) -> None:
        trial = self.trial_ends_at if self.status == SubscriptionStatus.TRIALING else None
        plan = self.period_ends_at if self.cancels_at_period_end else None
        tenant = self.tenant
        if (tenant.trial_ends_at, tenant.plan_ends_at) != (trial, plan):
            tenant.change(trial_ends_at=trial, plan_ends_at=plan)

    def begin_look(self) -> tuple[int, datetime]:
        """Return the number of a look at Stripe that begins now, and when that is."""
        rows = type(self).objects.filter(pk=self.pk)
        rows.update(looks=models.F("looks") + 1)
        number, now = rows.values_list("looks", Now()).get()
        return number, now

    def is_seen(self, moment: datetime) -> bool:
        """Tell whether a look at Stripe is written that began after ``moment`` of the database."""
        return self.looked_at is not None and self.looked_at > moment

    def is_charged(self) -> bool:
        """Tell whether Stripe charges somebody for it."""
        return bool(self.stripe_subscription) and self.status != SubscriptionStatus.CANCELED


class PlanPrice(models.Model):
    """A price of Stripe's that stands for a plan; old ones stay, for whoever still pays them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="prices", verbose_name=_("plan"))
    interval = models.CharField(_("interval"), max_length=5, choices=Interval)
    currency = models.CharField(_("currency"), max_length=3)
    amount = models.DecimalField(_("amount"), max_digits=10, decimal_places=2)
    stripe_price = models.CharField(_("Stripe price"), max_length=255, unique=True)
    is_current = models.BooleanField(_("is current"), default=True)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "interval"],
                condition=models.Q(is_current=True),
                name="plan_price_one_current",
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan} {self.amount} {self.currency} / {self.interval}"


class EventState(models.TextChoices):
    RECEIVED = "received", _("Received")
    APPLIED = "applied", _("Applied")
    PARKED = "parked", _("Parked")


class StripeEventQuerySet(models.QuerySet["StripeEvent"]):
    def waiting(self, before: datetime) -> "StripeEventQuerySet":
        """Events that came before then and that nobody has applied yet."""
        return self.filter(state=EventState.RECEIVED, received_at__lt=before)


class StripeEvent(models.Model):
    """What Stripe told, kept before anything else is done with it.

    ``is_live`` and ``account`` are as it says; ``customer`` is what it is about, empty if that has
    to be asked for. A parked one waits for an operator: ``why``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event_id = models.CharField(_("event"), max_length=255, unique=True)
    type = models.CharField(_("type"), max_length=255)
    account = models.CharField(_("account"), max_length=255, blank=True)
    is_live = models.BooleanField(_("is live"))
    created_at = models.DateTimeField(_("created at"))
    object_id = models.CharField(_("object"), max_length=255, blank=True)
    customer = models.CharField(_("Stripe customer"), max_length=255, blank=True, db_index=True)
    payload = models.JSONField(_("payload"), default=dict)
    received_at = models.DateTimeField(_("received at"), db_default=Now())
    found_by_reconciling = models.BooleanField(_("found by reconciling"), default=False)
    state = models.CharField(
        _("state"), max_length=8, choices=EventState, default=EventState.RECEIVED
    )
    why = models.CharField(_("why"), max_length=200, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    done_at = models.DateTimeField(_("done at"), null=True)

    objects = StripeEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("Stripe event")
        verbose_name_plural = _("Stripe events")
        ordering = ["-received_at"]
        indexes = [
            models.Index(
                fields=["received_at"],
                name="stripe_event_waiting",
                condition=models.Q(state="received"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"

    def applied(self) -> None:
        """Note that what it tells of has had its effect."""
        rows = type(self).objects.filter(pk=self.pk)
        rows.update(state=EventState.APPLIED, why="", done_at=Now())

    def park(self, why: str) -> None:
        """Put it aside for an operator."""
        rows = type(self).objects.filter(pk=self.pk)
        rows.update(state=EventState.PARKED, why=why[:200], done_at=None)

    def replay(self) -> None:
        """Have it applied once more."""
        rows = type(self).objects.filter(pk=self.pk)
        rows.update(state=EventState.RECEIVED, why="", attempts=0, done_at=None, received_at=Now())


class Notice(models.Model):
    """A mail about paying that was sent: each once, however often its cause is heard of."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="notices")
    kind = models.CharField(_("kind"), max_length=30)
    about = models.CharField(
        _("about"), max_length=255, help_text=_("What makes it another one: an invoice, a date.")
    )
    sent_at = models.DateTimeField(_("sent at"), auto_now_add=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = [
            models.UniqueConstraint(fields=["subscription", "kind", "about"], name="notice_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.about}"


class Reconciled(models.Model):
    """Until when Stripe's list of events has been compared with the inbox: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    until = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="reconciled_is_one_row")
        ]

    def __str__(self) -> str:
        return str(self.until)
