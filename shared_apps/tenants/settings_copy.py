"""The tenant's own settings, copied to the shared side so that every request has them."""

from typing import Any

from . import scope
from .models import Tenant


def publish(settings: dict[str, Any]) -> None:
    """Write the active tenant's settings to the shared side, in the caller's transaction.

    The one place where tenant code reaches public: through this function, with plain values.
    """
    tenant_id = scope.active_tenant().id
    with scope.public_scope():
        tenant = Tenant.objects.get(pk=tenant_id)
        tenant.change(settings_copy=settings, name=settings["name"])
