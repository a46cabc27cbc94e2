"""kill -9 at every named failpoint: nothing half-made is reachable, nothing promised is lost."""

import os
import re
import signal
import subprocess
import sys

import pytest
from django.db import connections

from billing.models import UsagePeriod
from config.embedded import free_port
from shared_apps.tenants.api_use import ApiUse
from shared_apps.tenants.models import Domain, Tenant, TenantStatus
from shared_apps.tenants.provisioning import pool
from shared_apps.tenants.scope import owner_scope, public_scope, tenant_scope
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.integrations.tasks import sweep_outbox
from tenant_apps.orders.models import Order
from tenant_apps.products.models import Product
from tests.api import PASSWORD
from tests.stack.running import ROOT, Http, mailbox, until, web, worker

SOURCES = ("shared_apps", "billing", "tenant_apps")
NAMES = sorted(
    name
    for folder in SOURCES
    for source in (ROOT / folder).rglob("*.py")
    for name in re.findall(r'\bfailpoint\("([a-z_.]+)"\)', source.read_text())
)


def of(prefix: str) -> list[str]:
    names = [name for name in NAMES if name.startswith(f"{prefix}.")]
    assert names
    return names


def test_every_failpoint_is_covered_here():
    covered = {"signup", "provision", "outbox", "close", "idempotency", "usage"}
    # Those of billing in tests/billing/test_killed.py.
    assert {name.partition(".")[0] for name in NAMES} == covered | {"billing"}


def manage(*arguments: str, failpoint: str = "") -> int:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "FREEHOLD_FAILPOINT": failpoint},
        capture_output=True,
        check=False,
    ).returncode


def nothing_is_half_made() -> bool:
    """Tell whether schemas, roles and the tenants that should have them are the same."""
    with owner_scope(), connections["owner"].cursor() as cursor:
        cursor.execute(r"SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\_%%'")
        schemas = {row[0] for row in cursor.fetchall()}
        cursor.execute(r"SELECT rolname FROM pg_roles WHERE rolname LIKE 't\_%%'")
        roles = {row[0] for row in cursor.fetchall()}
        known = set(Tenant.objects.filter(dropped_at=None).values_list("schema_name", flat=True))
    return schemas <= known and roles <= known


@pytest.fixture
def clean(committed):
    """Drop the schemas that tests of other things made by hand."""
    with owner_scope(), connections["owner"].cursor() as cursor:
        known = set(Tenant.objects.values_list("schema_name", flat=True))
        cursor.execute(r"SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\_%%'")
        for schema in {row[0] for row in cursor.fetchall()} - known:
            cursor.execute(f"DROP SCHEMA {schema} CASCADE")
    assert nothing_is_half_made()


def sign_up(port: int, subdomain: str):
    return Http(port, "localhost").post(
        "/api/signup/",
        {
            "subdomain": subdomain,
            "company": "Killed",
            "email": f"boss@{subdomain}.example",
            "password": PASSWORD,
            "plan": "free",
        },
    )


@pytest.mark.parametrize("failpoint", of("signup"))
def test_a_sign_up_killed_anywhere_is_whole_or_never_was(clean, tmp_path, failpoint):
    pool.fill(2)
    subdomain = "killed-" + failpoint.partition(".")[2].replace("_", "-")
    with public_scope():
        ready = Tenant.objects.ready().count()
    port = free_port()
    with web(port, tmp_path / "log", FREEHOLD_FAILPOINT=failpoint), pytest.raises(OSError):  # noqa: PT011  # reset, refused or closed
        sign_up(port, subdomain)
    committed = failpoint == "signup.after_commit"
    with public_scope():
        # The server's end is noticed by PostgreSQL at once.
        until(lambda: Tenant.objects.ready().count() == ready - committed, 5, "the rollback")
        assert Domain.objects.filter(host=f"{subdomain}.localhost").exists() is committed
    assert nothing_is_half_made()
    port = free_port()
    with web(port, tmp_path / "log"):
        portal = Http(port, f"{subdomain}.localhost")
        if not committed:
            assert portal.get("/").status == 404
            assert sign_up(port, subdomain).status == 201, "the name is free at once"
        assert portal.signed_in(f"boss@{subdomain}.example", PASSWORD).get("/api/me/").status == 200


@pytest.mark.parametrize("failpoint", of("provision"))
def test_provisioning_killed_anywhere_leaves_no_half_tenant(clean, failpoint):
    with public_scope():
        size = Tenant.objects.ready().count()
    os.environ["POOL_SIZE"] = str(size + 2)
    try:
        assert manage("keep_pool", "--once", failpoint=failpoint) == -signal.SIGKILL
        until(nothing_is_half_made, 5, "the rollback")
        assert manage("keep_pool", "--once") == 0
    finally:
        os.environ["POOL_SIZE"] = "6"
    with public_scope():
        assert Tenant.objects.ready().count() == size + 2
    assert nothing_is_half_made()


@pytest.mark.parametrize("failpoint", of("close"))
def test_closing_killed_anywhere_is_finished_by_the_next_run(clean, portal, failpoint):
    tenant = portal()
    with public_scope():
        row = Tenant.objects.get(pk=tenant.id)
        row.move_to(TenantStatus.CLOSING)
        row.move_to(TenantStatus.CLOSED)
    code = "from shared_apps.tenants.provisioning.replay import close_tenants; close_tenants()"
    assert manage("shell", "--no-imports", "-c", code, failpoint=failpoint) == -signal.SIGKILL
    assert manage("shell", "--no-imports", "-c", code) == 0
    with public_scope():
        row.refresh_from_db()
        assert row.dropped_at is not None
    assert nothing_is_half_made()


@pytest.mark.parametrize("failpoint", of("usage"))
def test_requests_that_were_counted_are_written_once_whoever_is_killed(clean, portal, failpoint):
    tenant = portal().id
    code = "from billing.tasks import write_api_use; write_api_use()"

    def write(failpoint: str = "") -> int:
        return manage("shell", "--no-imports", "-c", code, failpoint=failpoint)

    def written() -> int:
        with public_scope():
            return sum(row.requests for row in UsagePeriod.objects.filter(tenant=tenant))

    counting = ApiUse()
    for _ in range(3):
        counting.count(tenant)
    counting.tell()
    assert write(failpoint) == -signal.SIGKILL
    assert written() == (3 if failpoint == "usage.after_commit" else 0)
    # What is counted meanwhile is of the next batch.
    counting.count(tenant)
    counting.tell()
    assert write() == 0
    assert written() == 3
    assert write() == 0
    assert written() == 4
    assert write() == 0
    assert written() == 4


def place(http: Http) -> None:
    [product] = http.get("/api/products/").json()["results"]
    http.post("/api/orders/", {"items": [{"product": product["id"], "quantity": 1}]})


@pytest.mark.parametrize("failpoint", of("outbox"))
def test_a_confirmation_survives_the_death_of_server_and_worker(clean, portal, tmp_path, failpoint):
    tenant = portal()
    subdomain = tenant.primary_host.partition(".")[0]
    owner = f"owner@{subdomain}.example"
    with tenant_scope(tenant):
        Product.objects.create(name="Lamp", slug="lamp", price=3, stock=3)
        OutboxEntry.objects.all().delete()
    mail_port = int(os.environ["EMAIL_URL"].rpartition(":")[2])
    port, log = free_port(), tmp_path / "log"
    in_server = failpoint == "outbox.before_dispatch"
    with mailbox(mail_port) as mail:
        with web(port, log, FREEHOLD_FAILPOINT=failpoint if in_server else ""):
            http = Http(port, tenant.primary_host).signed_in(owner, PASSWORD)
            if in_server:
                with pytest.raises(OSError):  # noqa: PT011  # reset, refused or closed
                    place(http)
            else:
                with worker(log, FREEHOLD_FAILPOINT=failpoint):
                    place(http)
                    until(lambda: mail.to(owner, "Order 1001"), 20, "the mail")
        with tenant_scope(tenant):
            entry = OutboxEntry.objects.get()
            assert entry.done_at is None
            # What time would do: the lease and the head start of the first try run out.
            OutboxEntry.objects.update(due_at=entry.created_at)
            sweep_outbox.delay()
        with worker(log), tenant_scope(tenant):
            until(lambda: OutboxEntry.objects.get().done_at, 20, "the sweeper")
        messages = mail.to(owner, "Order 1001")
        assert len({message["Message-ID"] for message in messages}) == 1
        assert len(messages) == (1 if in_server else 2)


@pytest.mark.parametrize("failpoint", of("idempotency"))
def test_a_server_killed_before_its_answer_has_one_effect_when_asked_again(
    clean, portal, tmp_path, failpoint
):
    tenant = portal()
    with tenant_scope(tenant):
        lamp = Product.objects.create(name="Lamp", slug="lamp", price=3, stock=3)
    owner = f"owner@{tenant.primary_host.partition('.')[0]}.example"
    body = {"items": [{"product": str(lamp.pk), "quantity": 1}]}

    def order(**environment: str):
        port = free_port()
        with web(port, tmp_path / "log", **environment):
            http = Http(port, tenant.primary_host).signed_in(owner, PASSWORD)
            return http.post("/api/orders/", body, **{"Idempotency-Key": "k"})

    with pytest.raises(OSError):  # noqa: PT011  # reset, refused or closed
        order(FREEHOLD_FAILPOINT=failpoint)
    committed = failpoint == "idempotency.before_answer"
    with tenant_scope(tenant):
        assert Order.objects.count() == committed
    first, second = order(), order()
    assert (first.status, first.headers["Idempotent-Replayed"] == "true") == (201, committed)
    assert (second.status, second.headers["Idempotent-Replayed"]) == (201, "true")
    assert first.body == second.body
    with tenant_scope(tenant):
        assert (
            Order.objects.count()
            == OutboxEntry.objects.filter(kind="orders.confirmation").count()
            == 1
        )
        assert Product.objects.get().stock == 2
