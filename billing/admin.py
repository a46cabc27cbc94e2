from .stripe_admin import StripeEventAdmin, SubscriptionAdmin
from .tenant_admin import PayingTenantAdmin
from .usage.admin import UsagePeriodAdmin

# Registered by being imported.
__all__ = ["PayingTenantAdmin", "StripeEventAdmin", "SubscriptionAdmin", "UsagePeriodAdmin"]
