"""Find a tenant by what a person types."""

from contextlib import suppress
from uuid import UUID

from django.core.management import CommandError
from django.db.models import Q

from . import scope
from .active import ActiveTenant
from .models import Tenant, platform_host


def find_tenant(name: str) -> ActiveTenant:
    """Return the tenant with this subdomain, host, schema name or id.

    Raises:
        CommandError: there is none.

    """
    wanted = Q(domains__host__in=[name, platform_host(name)]) | Q(schema_name=name)
    with suppress(ValueError):  # not an id, then
        wanted |= Q(pk=UUID(name))
    with scope.public_scope():
        tenant = (
            Tenant.objects.claimed()
            .select_related("plan")
            .prefetch_related("domains")
            .filter(wanted)
            .first()
        )
        if tenant is None:
            raise CommandError(f"There is no tenant {name!r}.")
        return tenant.snapshot()
