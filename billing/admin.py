from .stripe_admin import StripeEventAdmin, SubscriptionAdmin
from .usage.admin import UsagePeriodAdmin

# Registered by being imported.
__all__ = ["StripeEventAdmin", "SubscriptionAdmin", "UsagePeriodAdmin"]
