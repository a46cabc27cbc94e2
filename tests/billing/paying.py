"""A portal as its tests of paying look at it, from whatever scope."""

from billing.models import Subscription
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.scope import public_scope, tenant_scope


def host_of(subscription: Subscription) -> str:
    with public_scope():
        return subscription.tenant.primary_host()


def inside(subscription: Subscription):
    with public_scope():
        return tenant_scope(subscription.tenant.snapshot())


def again(subscription: Subscription) -> Subscription:
    with public_scope():
        rows = Subscription.objects.select_related("tenant__plan", "plan")
        return rows.get(pk=subscription.pk)


def stand(subscription: Subscription, status: str) -> None:
    with public_scope():
        again(subscription).tenant.change(status=status)
    domain_map.clear()
