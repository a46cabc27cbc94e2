"""Portals on plans of a test's own."""

from uuid import uuid4

from shared_apps.plans.models import Plan
from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.domain_map import domain_map, load_tenant
from shared_apps.tenants.models import Tenant
from shared_apps.tenants.scope import public_scope


def put_on(tenant: ActiveTenant, features: tuple[str, ...] = (), **limits: int) -> ActiveTenant:
    """Give ``tenant`` a plan with these limits and features alone, at once."""
    with public_scope():
        plan = Plan.objects.create(
            code=uuid4().hex,
            name="Small",
            price_month=0,
            is_public=False,
            features=list(features),
            limits=limits,
        )
        Tenant.objects.get(pk=tenant.id).change(plan=plan)
    domain_map.clear()
    active = load_tenant(tenant.id)
    assert active
    return active
