from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7


class PlanQuerySet(models.QuerySet["Plan"]):
    def on_offer(self) -> "PlanQuerySet":
        """Plans that anyone may sign up for, in the order of the page."""
        return self.filter(is_public=True, is_archived=False)


class Plan(models.Model):
    """What a tenant pays for: a price and the limits that come with it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=200, blank=True)
    price_month = models.DecimalField(_("price month"), max_digits=10, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    limits = models.JSONField(
        _("limits"),
        default=dict,
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

    def __str__(self) -> str:
        return self.name
