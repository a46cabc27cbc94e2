"""What a portal's own pages and API read of the public schema: their tenant's rows, no other's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import models

from shared_apps.tenants.scope import active_tenant, public_scope

from .models import Subscription


def own_rows(model: type[models.Model], *fields: str, **narrowed: Any) -> list[dict[str, Any]]:
    """Return these fields of the active tenant's rows, of a model that has a ``tenant``.

    As values: an instance of the public schema is of no use in a tenant's scope.

    Raises:
        NoActiveTenant: outside a tenant's scope.

    """
    tenant = active_tenant()
    with public_scope():
        own = model._default_manager.filter(tenant=tenant.id)
        return list(own.filter(**narrowed).values(*fields))


@contextmanager
def own_subscription() -> Iterator[Subscription]:
    """Enter the public scope with the subscription of the tenant that was active.

    Raises:
        NoActiveTenant: outside a tenant's scope.

    """
    tenant = active_tenant()
    with public_scope():
        yield Subscription.objects.select_related("tenant", "plan").get(tenant=tenant.id)
