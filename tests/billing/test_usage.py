"""What a portal used: counted, written, shown to those who manage it, and held to its plan."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
import time_machine
import yaml
from django.db import connection

from billing.of_tenant import own_rows
from billing.tasks import write_api_use
from billing.usage.figures import this_period
from billing.usage.models import UsageBatch, UsagePeriod
from shared_apps.plans.entitlements import Entitlements
from shared_apps.tenants.api_use import ApiUse, api_use
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.models import TenantStatus
from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.scope import NoActiveTenant, public_scope, tenant_scope
from tenant_apps.files.models import StoredFile
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Product
from tenant_apps.users.models import Role, User
from tests.api import PASSWORD, Admin, Api, code, count_queries
from tests.wsgi import Visitor

PATH = "/api/usage/"


@pytest.fixture(autouse=True)
def _nothing_counted():
    forget()
    yield
    forget()


def forget() -> None:
    api_use.tell()
    api_use._totals = {}
    for key in shared().scan_iter("usage:*"):
        shared().delete(key)


@pytest.fixture
def plan(acme, monkeypatch):
    """Return a function that gives acme other limits, for the test."""

    def limits_of(**limits: int) -> None:
        held = domain_map.tenant_for(acme.primary_host)
        assert held
        other = replace(held, entitlements=Entitlements("", limits=limits))
        monkeypatch.setitem(domain_map._by_host, acme.primary_host, other)

    return limits_of


def measures(answer) -> dict[str, tuple[int, int | None, float | None]]:
    assert answer.status_code == 200, answer.content
    return {
        each["name"]: (each["used"], each["limit"], each["share"])
        for each in answer.json()["measures"]
    }


def used_up(api: Api, tenant, times: int) -> None:
    for _ in range(times - api_use.so_far(tenant.id)):
        api_use.count(tenant.id)


def written(tenant) -> dict[str, int]:
    with public_scope():
        rows = UsagePeriod.objects.filter(tenant=tenant.id)
        return {f"{row.period:%Y-%m}": row.requests for row in rows}


def test_what_was_used_is_told_against_the_plans_limits(owner, acme, plan):
    plan(requests_per_month=1000, max_users=4, max_products=0, storage_bytes=200)
    lamp = Product.objects.create(name="Lamp", slug="lamp", price=1, stock=9)
    person = User.objects.create_member("p@x.example", None, role="customer")
    User.objects.create_member("gone@x.example", None, role="customer", is_active=False)
    User.objects.create_service_account(name="Sync", role=Role.objects.get(code="staff"))
    for size in (20, 30):
        StoredFile.objects.create(name="f", content_type="image/png", size=size, content="f")
    place_order(user=person, items=[(lamp.pk, 1)])
    earlier, later = (place_order(user=person, items=[(lamp.pk, 1)]) for _ in range(2))
    Order.objects.filter(pk=earlier.pk).update(
        created_at=datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
    )
    before = api_use.so_far(acme.id)
    with time_machine.travel(datetime(2026, 11, 30, 23, tzinfo=UTC), tick=False):
        Order.objects.exclude(pk=earlier.pk).update(created_at=datetime(2026, 11, 1, tzinfo=UTC))
        Order.objects.filter(pk=later.pk).update(created_at=datetime(2026, 12, 1, tzinfo=UTC))
        admin = Admin(acme.primary_host, User.objects.get(email="owner@acme.example"))
        api_use.count(acme.id)
        total = api_use.so_far(acme.id)
        with_session = admin.get(PATH)
    assert with_session.json() | {"measures": []} == {
        "start": "2026-11-01T00:00:00Z",
        "end": "2026-12-01T00:00:00Z",
        "measures": [],
    }
    assert before >= 1, "signing in was one"
    assert measures(with_session) == {
        "requests": (total, 1000, total / 1000),
        "users": (2, 4, 0.5),
        "products": (1, 0, 1.0),
        "storage": (50, 200, 0.25),
        "orders": (1, None, None),
    }


def test_only_who_manages_the_portal_is_told(owner, member, anonymous, acme):
    assert owner.get(PATH).status_code == 200
    assert member("admin").get(PATH).status_code == 200
    for role in ("manager", "customer"):
        assert member(role).get(PATH).status_code == 403
    assert anonymous.get(PATH).status_code == 401


def test_a_month_that_is_over_has_its_requests_and_orders(owner, acme, plan):
    plan(requests_per_month=1000)
    with public_scope():
        UsagePeriod.objects.create(tenant_id=acme.id, period=date(2025, 12, 1), requests=70)
    answer = owner.get(PATH, {"period": "2025-12"})
    assert answer.json()["end"] == "2026-01-01T00:00:00Z"
    assert measures(answer) == {"requests": (70, None, None), "orders": (0, None, None)}
    assert measures(owner.get(PATH, {"period": "2025-11"}))["requests"][0] == 0


@pytest.mark.parametrize(
    ("query", "why"),
    [
        *[({"period": bad}, "invalid") for bad in ("2026", "2026-13", "2026-1", "1999-01", "x")],
        ({"period": ""}, "blank"),
        ({"period": "2099-01"}, "to_come"),
        ({"month": "2026-01"}, "unknown_field"),
    ],
)
def test_what_is_no_month_is_refused(owner, query, why):
    answer = owner.get(PATH, query)
    assert (answer.status_code, code(answer)) == (400, why)


def test_a_neighbours_use_is_not_to_be_read(owner, acme, globex):
    with public_scope():
        for tenant, requests in ((acme, 7), (globex, 90)):
            UsagePeriod.objects.create(tenant_id=tenant.id, period="2025-12-01", requests=requests)
    assert own_rows(UsagePeriod, "requests") == [{"requests": 7}]
    assert own_rows(UsagePeriod, "requests", tenant=globex.id) == []
    assert own_rows(UsagePeriod, "requests", tenant__status=TenantStatus.ACTIVE) == [
        {"requests": 7}
    ]
    with tenant_scope(globex):
        assert own_rows(UsagePeriod, "requests") == [{"requests": 90}]
    with public_scope(), pytest.raises(NoActiveTenant):
        own_rows(UsagePeriod, "requests")
    for tenant in (acme, globex):
        api_use.count(tenant.id)
    assert measures(owner.get(PATH, {"period": "2025-12"}))["requests"][0] == 7


def test_it_asks_as_many_queries_for_much_as_for_nothing(owner, acme):
    few = count_queries(lambda: owner.get(PATH))
    lamp = Product.objects.create(name="Lamp", slug="lamp", price=1, stock=99)
    for number in range(10):
        user = User.objects.create_member(f"p{number}@x.example", None, role="customer")
        place_order(user=user, items=[(lamp.pk, 1)])
    write_api_use()
    assert count_queries(lambda: owner.get(PATH)) == few


def test_requests_of_many_tenants_are_written_by_one_statement(acme, globex):
    def counted() -> None:
        for tenant, times in ((acme, 2), (globex, 3)):
            for _ in range(times):
                api_use.count(tenant.id)
        api_use.count(uuid4())  # of nobody
        api_use.tell()

    month = f"{this_period():%Y-%m}"
    counted()
    few = count_queries(write_api_use)
    assert (written(acme), written(globex)) == ({month: 2}, {month: 3})
    counted()
    assert count_queries(write_api_use) == few <= 4
    assert (written(acme), written(globex)) == ({month: 4}, {month: 6})
    write_api_use()
    assert written(acme) == {month: 4}


def test_a_batch_that_comes_back_adds_nothing(acme):
    api_use.count(acme.id)
    api_use.tell()
    held = shared().dump("usage:pending")
    write_api_use()
    # As a Redis does that is restored.
    shared().restore("usage:pending", 0, held)
    write_api_use()
    assert list(written(acme).values()) == [1]
    assert not shared().exists("usage:pending", "usage:taken")


def test_several_who_write_at_once_add_each_batch_once(portal):
    tenant = portal()

    def write(_: int) -> None:
        for _ in range(5):
            api_use.count(tenant.id)
            api_use.tell()
            write_api_use()
        connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    for _ in range(2):
        write_api_use()
    assert list(written(tenant).values()) == [20]


def test_batches_are_remembered_for_a_week(acme):
    with time_machine.travel(datetime(2026, 11, 1, tzinfo=UTC)), public_scope():
        UsageBatch.objects.create(id=uuid4())
    api_use.count(acme.id)
    api_use.tell()
    with time_machine.travel(datetime(2026, 11, 7, 23, tzinfo=UTC)):
        write_api_use()
        with public_scope():
            assert UsageBatch.objects.count() == 2
    api_use.count(acme.id)
    api_use.tell()
    with time_machine.travel(datetime(2026, 11, 9, tzinfo=UTC)):
        write_api_use()
    with public_scope():
        assert not UsageBatch.objects.filter(applied_at__lt="2026-11-02T00:00Z").exists()


def test_without_redis_what_was_written_is_told(owner, acme, settings):
    api_use.count(acme.id)
    api_use.tell()
    write_api_use()
    [wrote] = written(acme).values()
    settings.CACHE_URL = "redis://127.0.0.1:1/1"
    assert measures(owner.get(PATH))["requests"][0] == wrote


@pytest.mark.parametrize(
    ("path", "status", "counts"),
    [
        ("/api/products/", 200, True),
        ("/api/nothing/", 404, True),
        ("/api/orders/", 401, True),
        ("/", 200, False),
        ("/admin/login/", 200, False),
    ],
)
def test_what_is_asked_of_the_api_counts(anonymous, acme, path, status, counts):
    assert anonymous.get(path).status_code == status
    assert api_use.so_far(acme.id) == counts


def test_what_is_refused_for_its_number_and_what_we_failed_at_does_not_count(
    anonymous, acme, limit, settings
):
    limit("general", address="1/minute")
    assert [anonymous.get("/api/products/").status_code for _ in range(2)] == [200, 429]
    settings.CACHE_URL = "redis://127.0.0.1:1/1"
    assert anonymous.post("/api/auth/login/", {"email": "a@x.example"}).status_code == 503
    assert api_use.so_far(acme.id) == 1


def test_the_public_hosts_api_is_nobodys_use(public_client):
    assert public_client.get("/api/plans/").status_code == 200
    assert api_use._totals == {}


def test_when_the_months_requests_are_used_up_the_api_says_what_to_do(
    owner, anonymous, acme, globex, plan
):
    plan(requests_per_month=10)
    used_up(owner, acme, 9)
    assert anonymous.get("/api/products/").status_code == 200
    for api, path in ((owner, "/api/orders/"), (anonymous, "/api/products/")):
        refused = api.get(path)
        assert (refused.status_code, code(refused)) == (402, "limit_reached")
        assert "bigger plan" in refused.json()["errors"][0]["detail"]
    assert owner.post("/api/products/", {"name": "x"}).status_code == 402
    assert api_use.so_far(acme.id) == 10, "a refusal counts not"
    assert Api(globex.primary_host).get("/api/products/").status_code == 200, "a neighbour"
    assert anonymous.client.get("/").status_code == 200, "pages are no API"
    again = owner.signed_in("owner@acme.example")
    assert again.get("/api/me/").status_code == 200
    assert measures(again.get(PATH))["requests"][2] > 1
    plan(requests_per_month=100)
    assert anonymous.get("/api/products/").status_code == 200, "a bigger plan, at once"


def test_on_the_first_of_the_month_requests_begin_again(anonymous, acme, plan):
    plan(requests_per_month=1)
    with time_machine.travel(datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC), tick=False):
        assert [anonymous.get("/api/products/").status_code for _ in range(2)] == [200, 402]
    plan(requests_per_month=1)
    with time_machine.travel(datetime(2026, 12, 1, tzinfo=UTC), tick=False):
        assert anonymous.get("/api/products/").status_code == 200


def test_a_process_refuses_what_others_used_up_as_soon_as_it_hears_of_it(anonymous, acme, plan):
    plan(requests_per_month=10)
    other = ApiUse()
    for _ in range(10):
        other.count(acme.id)
    other.tell()
    assert anonymous.get("/api/products/").status_code == 200
    api_use.tell()
    assert anonymous.get("/api/products/").status_code == 402


def test_what_redis_forgot_is_held_against_the_limit_after_the_next_writing(anonymous, acme, plan):
    plan(requests_per_month=10)
    used_up(anonymous, acme, 10)
    api_use.tell()
    write_api_use()
    forget()
    assert anonymous.get("/api/products/").status_code == 200
    api_use.tell()
    write_api_use()
    assert anonymous.get("/api/products/").status_code == 200
    api_use.tell()
    assert anonymous.get("/api/products/").status_code == 402


def test_what_is_answered_before_django_counts_and_is_refused_alike(portal, monkeypatch):
    tenant = portal()
    visitor = Visitor(tenant.primary_host)
    for _ in range(3):
        assert visitor.get("/api/products/").status_code == 200
    assert "hit" in visitor.get("/api/products/")["Server-Timing"]
    assert api_use.so_far(tenant.id) == 4
    held = domain_map.tenant_for(tenant.primary_host)
    assert held
    full = replace(held, entitlements=Entitlements("", limits={"requests_per_month": 4}))
    monkeypatch.setitem(domain_map._by_host, tenant.primary_host, full)
    at_once = visitor.get("/api/products/")
    django = visitor.get("/api/products/", HTTP_COOKIE="a=b")
    assert at_once.status_code == django.status_code == 402
    assert at_once.json() == django.json()
    assert code(at_once) == "limit_reached"
    own = {"X-Request-Id", "Content-Length"}
    assert {k: v for k, v in at_once.headers.items() if k not in own} == {
        k: v for k, v in django.headers.items() if k not in own
    }
    assert api_use.so_far(tenant.id) == 4


def card(admin: Admin) -> str:
    page = admin.get("/admin/").content.decode()
    return page.partition("Use of the plan")[2].partition("</section>")[0]


def test_the_admin_shows_bars_and_warns_before_and_at_the_end(admin, acme, plan):
    plan(requests_per_month=1000, max_users=1, max_products=4, storage_bytes=2048)
    for number in range(4):
        Product.objects.create(name="Lamp", slug=f"l{number}", price=1, stock=9)
    StoredFile.objects.create(name="f", content_type="image/png", size=1800, content="f")
    shown = card(admin)
    assert "Plan: Business." in shown
    bars = dict(re.findall(r'value="(\d+)" max="100" aria-label="([^"]+)"', shown))
    assert bars == {
        "0": "API requests: 0 of 1,000",
        "100": "Products: 4 of 4",
        "88": shown_size(shown),
    }
    assert shown.count("Used up: a bigger plan gives more.") == 2
    assert shown.count("More than 80 % is used.") == 1
    assert "Orders: 0" in shown


def shown_size(shown: str) -> str:
    [size] = re.findall(r'"(Storage: [^"]+)"', shown)
    return size


def test_the_document_tells_which_operations_may_meet_the_months_limit(anonymous):
    paths = yaml.safe_load(anonymous.get("/api/schema/").content)["paths"]
    assert "402" in paths["/api/products/"]["get"]["responses"]
    for path in (PATH, "/api/me/", "/api/auth/login/"):
        assert all("402" not in one["responses"] for m, one in paths[path].items() if m != "patch")


def test_operators_look_at_tenants_months_and_change_nothing(acme, public):
    with public_scope():
        row = UsagePeriod.objects.create(tenant_id=acme.id, period="2025-12-01", requests=4321)
        operator = User.objects.create_operator("root@x.example", PASSWORD)
    admin = Admin("localhost", operator)
    path = "/admin/billing/usageperiod/"
    page = admin.get(f"{path}?q=acme")
    assert page.status_code == 200
    for text in ("Acme", "2025-12", "4321"):
        assert text in page.content.decode().replace(",", "")
    assert admin.get(f"{path}add/").status_code == 403
    assert admin.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    changed = admin.post(f"{path}{row.pk}/change/", {"requests": 1})
    assert changed.status_code == 403
