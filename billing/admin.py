from .usage.admin import UsagePeriodAdmin

__all__ = ["UsagePeriodAdmin"]  # registered by being imported
