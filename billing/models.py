from django.db import models
from uuid_utils.compat import uuid7

from shared_apps.plans.models import Plan
from shared_apps.tenants.models import Tenant

from .usage.models import UsageBatch, UsagePeriod

__all__ = ["UsageBatch", "UsagePeriod"]  # found through this module


class Subscription(models.Model):
    """Which plan a tenant has, since when, and how it is paid."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.OneToOneField(Tenant, models.PROTECT, related_name="subscription")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    owner_email = models.EmailField()
    started_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.tenant} on {self.plan}"
