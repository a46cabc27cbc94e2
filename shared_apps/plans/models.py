from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from .entitlements import FEATURES, LIMITS, Entitlements, check_features, check_limits, in_words


class PlanQuerySet(models.QuerySet["Plan"]):
    def on_offer(self) -> "PlanQuerySet":
        """Plans that anyone may sign up for, in the order of the page."""
        return self.filter(is_public=True, is_archived=False)


class Plan(models.Model):
    """What a tenant pays for: a price, and the features and limits that come with it.

    An archived plan is offered no more; whoever has it keeps it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=200, blank=True)
    price_month = models.DecimalField(_("price month"), max_digits=10, decimal_places=2)
    price_year = models.DecimalField(_("price year"), max_digits=10, decimal_places=2, default=0)
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    trial_days = models.PositiveSmallIntegerField(_("trial days"), default=0)
    grace_days = models.PositiveSmallIntegerField(
        _("grace days"),
        default=14,
        help_text=_("How long everything works after a payment failed, before it is read-only."),
    )
    features = models.JSONField(
        _("features"), default=list, blank=True, validators=[check_features]
    )
    limits = models.JSONField(
        _("limits"),
        default=dict,
        blank=True,
        validators=[check_limits],
        help_text=_("Upper bounds by name; a missing name means no limit."),
    )
    is_public = models.BooleanField(_("is public"), default=True)
    is_archived = models.BooleanField(_("is archived"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = PlanQuerySet.as_manager()

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["position", "code"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(price_month__gte=0, price_year__gte=0),
                name="plan_prices_are_not_negative",
                violation_error_message=_("A price is not negative."),
            ),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"),
                name="plan_currency_is_iso_4217",
                violation_error_message=_("A currency is three capital letters, as in EUR."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def entitlements(self) -> Entitlements:
        """What whoever has this plan may have."""
        return Entitlements(self.name, frozenset(self.features), dict(self.limits))

    def in_words(self) -> list[Any]:
        """Say what the plan gives, a line each, as the plans page does."""
        bounds = [in_words(name, self.limits[name]) for name in LIMITS if name in self.limits]
        return [*bounds, *(FEATURES[name] for name in FEATURES if name in self.features)]
