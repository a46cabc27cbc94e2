from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from shared_apps.tenants.models import Tenant


class UsagePeriod(models.Model):
    """How many API requests of a portal were counted in a calendar month (UTC)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        related_name="usage_periods",
        verbose_name=_("tenant"),
        db_index=False,  # the constraint's begins with it
    )
    period = models.DateField(_("month"), help_text=_("Its first day."))
    requests = models.PositiveBigIntegerField(_("API requests"))

    class Meta:
        verbose_name = _("use of a month")
        verbose_name_plural = _("use by month")
        ordering = ["-period", "-requests", "id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "period"], name="usage_period_unique"),
            models.CheckConstraint(
                condition=models.Q(period__day=1), name="usage_period_is_a_month"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant}, {self.period:%Y-%m}"


class UsageBatch(models.Model):
    """A batch of counted requests that was added to the periods, and must not be once more."""

    id = models.UUIDField(primary_key=True)
    applied_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return str(self.id)
