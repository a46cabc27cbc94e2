"""What the tests of paying look at and send, from whatever scope."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connections
from django.test import Client
from psycopg import sql

from billing import inbox
from billing.models import StripeEvent, Subscription
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.models import Tenant
from shared_apps.tenants.routers import OWNER_ALIAS
from shared_apps.tenants.scope import no_scope, owner_scope, public_scope, tenant_scope
from tests.stripe_server import WEBHOOK_SECRET, signed

WEBHOOK = "/api/stripe/webhook/"


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


def post(body: bytes, **headers: str):
    with no_scope():
        client = Client(headers={"host": "localhost"})
        return client.post(WEBHOOK, body, content_type="application/json", headers=headers)


def send(event, **how: object):
    """Post an event as Stripe would."""
    body, headers = signed(event, how.pop("secret", WEBHOOK_SECRET), **how)
    return post(body, **headers)


def kept(event) -> StripeEvent:
    return StripeEvent.objects.get(event_id=event["id"])


def apply_all() -> None:
    inbox.apply_waiting(timedelta(0))


def status_of(subscription) -> str:
    return Tenant.objects.get(pk=subscription.tenant_id).status
