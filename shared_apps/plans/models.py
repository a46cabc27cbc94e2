from django.db import models
from uuid_utils.compat import uuid7


class PlanQuerySet(models.QuerySet["Plan"]):
    def on_offer(self) -> "PlanQuerySet":
        """Plans that anyone may sign up for, in the order of the page."""
        return self.filter(is_public=True, is_archived=False)


class Plan(models.Model):
    """What a tenant pays for: a price and the limits that come with it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=200, blank=True)
    price_month = models.DecimalField(max_digits=10, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    limits = models.JSONField(
        default=dict, help_text="Upper bounds by name; a missing name means no limit."
    )
    is_public = models.BooleanField(default=True)
    is_archived = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.name
