"""Two tenants for the whole session, and ways to reach them."""

import io
import json
import logging.config
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from typing import Any

import pytest
from django.db import connections
from django.test import Client, override_settings

from billing.models import PlanPrice, Reconciled, StripeEvent, Subscription
from billing.signing_up import sign_up
from billing.syncing import sync_plans
from config.logs import configure
from shared_apps.plans.catalogue import load_plans
from shared_apps.plans.models import Plan
from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.domain_map import domain_map, load_tenant
from shared_apps.tenants.leases import leases
from shared_apps.tenants.provisioning.fleet import migrate_fleet
from shared_apps.tenants.provisioning.pool import fill
from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.scope import public_scope, tenant_scope
from tenant_apps.users.models import User
from tests.api import PASSWORD, Admin, Api
from tests.stripe_server import API_KEY, WEBHOOK_SECRET, StripeServer

_numbers = count(1)


def open_portal(subdomain: str | None = None) -> ActiveTenant:
    """Sign a company up, for good; its owner is ``owner@<subdomain>.example``."""
    subdomain = subdomain or f"portal{next(_numbers)}"
    fill(2)
    with public_scope():
        tenant = sign_up(
            subdomain=subdomain,
            company=subdomain.capitalize(),
            email=f"owner@{subdomain}.example",
            password=PASSWORD,
            plan=Plan.objects.get(code="business"),
        )
    active = load_tenant(tenant.pk)
    assert active is not None
    return active


@contextmanager
def at_stripe() -> Iterator[StripeServer]:
    """Take payments at a Stripe test server, which has the plans."""
    with StripeServer() as running:
        paid = {
            "STRIPE_API_URL": running.url,
            "STRIPE_SECRET_KEY": API_KEY,
            "STRIPE_WEBHOOK_SECRETS": [WEBHOOK_SECRET],
        }
        with override_settings(**paid):
            with public_scope():
                # Each of these servers counts its ids from the start.
                Subscription.objects.update(stripe_customer="", stripe_subscription="")
                for model in (PlanPrice, StripeEvent, Reconciled):
                    model.objects.all().delete()
                load_plans()
                sync_plans()
            fill(3)
            yield running


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Prepare the run's own database once: nothing is created or destroyed by Django."""
    # As the routing middleware does: a test that reverses a URL must not be the first to import
    # the views, whose class-level querysets would be of its tenant.
    for urlconf in ("config.urls_tenant", "config.urls_public"):
        import_module(urlconf)
    with django_db_blocker.unblock():
        migrate_fleet()
        fill(4)
    yield
    with django_db_blocker.unblock():
        for connection in connections.all():
            connection.close()
            connection.close_pool()


@pytest.fixture(scope="session")
def _acme(django_db_setup: None, django_db_blocker: Any) -> ActiveTenant:
    with django_db_blocker.unblock():
        return open_portal("acme")


@pytest.fixture(scope="session")
def _globex(django_db_setup: None, django_db_blocker: Any) -> ActiveTenant:
    with django_db_blocker.unblock():
        return open_portal("globex")


@pytest.fixture(autouse=True)
def _what_was_rolled_back_is_forgotten() -> Iterator[None]:
    """Empty the domain map: it may have read, in a test's transaction, what never came to be."""
    yield
    domain_map.clear()


@pytest.fixture
def acme(db: None, _acme: ActiveTenant) -> Iterator[ActiveTenant]:
    """Run the test in acme's scope; what it writes is rolled back."""
    with tenant_scope(_acme):
        yield _acme


@pytest.fixture
def globex(db: None, _globex: ActiveTenant) -> ActiveTenant:
    """Return the neighbour; the test is not in its scope."""
    return _globex


@pytest.fixture
def public(db: None) -> Iterator[None]:
    """Run the test in the public scope."""
    with public_scope():
        yield


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let the test commit; it works in portals of its own (:func:`portal`)."""
    with django_db_blocker.unblock():
        yield
        for connection in connections.all():
            connection.close()


@pytest.fixture
def portal(committed: None) -> Callable[..., ActiveTenant]:
    """Return a function that opens a fresh portal, for good."""
    return open_portal


@pytest.fixture
def stripe(committed: None) -> Iterator[StripeServer]:
    """Stripe, with the plans pushed to it; what is written is committed."""
    with at_stripe() as running:
        yield running
    domain_map.clear()


@pytest.fixture
def owner(acme: ActiveTenant) -> Api:
    """Return acme's API as its owner sees it."""
    return Api(acme.primary_host).signed_in("owner@acme.example")


@pytest.fixture
def anonymous(acme: ActiveTenant) -> Api:
    """Return acme's API as a visitor sees it."""
    return Api(acme.primary_host)


@pytest.fixture
def public_client(db: None) -> Client:
    """Return a client of the public host."""
    return Client(headers={"host": "localhost"})


@pytest.fixture
def member(acme: ActiveTenant) -> Callable[..., Api]:
    """Return a function that adds a person with a built-in role and signs them in."""

    def add(role: str, email: str = "") -> Api:
        email = email or f"{role}@acme.example"
        User.objects.create_member(email, PASSWORD, role=role)
        return Api(acme.primary_host).signed_in(email)

    return add


@pytest.fixture
def admin(acme: ActiveTenant) -> Admin:
    """Return acme's admin as its owner sees it."""
    return Admin(acme.primary_host, User.objects.get(email="owner@acme.example"))


@pytest.fixture
def as_role(acme: ActiveTenant) -> Callable[[str], Admin]:
    """Return a function that opens acme's admin for a new person of a built-in role."""
    return lambda role: Admin(
        acme.primary_host, User.objects.create_member(f"{role}@x.example", PASSWORD, role=role)
    )


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Return a function that puts the database out of reach, until the test ends."""
    wrapper = connections["default"]

    def cut() -> None:
        wrapper.close()
        wrapper.close_pool()
        monkeypatch.setitem(wrapper.settings_dict, "HOST", "/nowhere")
        monkeypatch.setitem(wrapper.settings_dict, "OPTIONS", {})

    yield cut
    monkeypatch.undo()
    wrapper.close()
    wrapper.close_pool()


@pytest.fixture
def limit(settings: Any) -> Callable[..., None]:
    """Return a function that sets one limit; its counters are the test's own."""

    def set_limit(name: str, **rates: str) -> None:
        settings.LIMITS = settings.LIMITS | {name: settings.LIMITS[name] | rates}

    forget_limits()
    return set_limit


def forget_limits() -> None:
    """Forget what was counted, here and in Redis."""
    leases.clear()
    for key in shared().scan_iter("limits:*"):
        shared().delete(key)


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return a function with the log's lines so far."""
    root, written = logging.getLogger(), io.StringIO()
    kept, level = list(root.handlers), root.level
    logging.config.dictConfig(configure("json", "INFO"))
    root.handlers[0].setStream(written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers, root.level = kept, level
