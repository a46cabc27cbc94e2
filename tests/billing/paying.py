"""A portal as its tests of paying look at it, from whatever scope."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from psycopg import sql

from billing.models import Subscription
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.routers import OWNER_ALIAS
from shared_apps.tenants.scope import owner_scope, public_scope, tenant_scope


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


@contextmanager
def unusable(subscription: Subscription) -> Iterator[None]:
    """Have whatever is written in the portal fail."""
    name = again(subscription).tenant.schema_name
    away = f"{name}_away"
    _rename(name, away)
    try:
        yield
    finally:
        _rename(away, name)


def _rename(schema: str, to: str) -> None:
    rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    with owner_scope(), connections[OWNER_ALIAS].cursor() as cursor:
        cursor.execute(rename.format(sql.Identifier(schema), sql.Identifier(to)))
