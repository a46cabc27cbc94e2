"""Routing: the Host header, and nothing else, says whose portal it is."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.client import MULTIPART_CONTENT as FORM
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shared_apps.tenants import domain_map as domain_maps
from shared_apps.tenants.domain_map import DomainMap
from shared_apps.tenants.errors import error_answer
from shared_apps.tenants.models import Domain, IllegalTransition, Tenant, TenantStatus
from shared_apps.tenants.routing import TenantRouting
from shared_apps.tenants.scope import current, public_scope, tenant_scope
from tests.api import Api, code


def status_of(host: str, path: str = "/api/products/") -> int:
    return Client(headers={"host": host}).get(path).status_code


@pytest.mark.parametrize(
    "host",
    [
        "acme.localhost",
        "ACME.localhost",
        "acme.localhost:8000",
        "acme.localhost.",
        "Acme.LOCALHOST.:80",
    ],
)
def test_a_host_is_known_in_any_spelling_of_it(anonymous, host):
    assert status_of(host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.test", "nobody.localhost", "www.acme.localhost", "acme.localhost.evil.test"),
        *("acme..localhost", "acme.localhost:80:80", "[::1]", "acmе.localhost", "acme", ""),
        *(
            "acme.localhost/..",
            "acme.localhost@evil.test",
            " acme.localhost",
            "xn--acm-hra.localhost",
        ),
    ],
)
def test_any_other_host_is_a_404_that_says_nothing(anonymous, host):
    for path in ("/", "/api/products/", "/admin/", "/api/schema/"):
        answer = Client(headers={"host": host}).get(path)
        assert answer.status_code == 404
        assert b"acme" not in answer.content.lower()


def test_a_request_without_a_host_is_nobodys(db):
    answer = Client().get("/")
    assert (answer.status_code, code(answer)) == (404, "not_found")


def asked_to_come_back(answer: Any) -> bool:
    return (answer.status_code, code(answer), answer["Retry-After"]) == (503, "try_again", "2")


def test_without_the_database_one_is_asked_to_come_back(portal, no_database, monkeypatch):
    tenant = portal()
    monkeypatch.setattr(domain_maps, "POLL_SECONDS", 60)
    api, anyone, known = (Api(tenant.primary_host) for _ in range(3))
    known.client.cookies["sessionid"] = 32 * "x"
    status_of(tenant.primary_host)
    no_database()
    # A portal the map knows fails in its view, or where its session is read; what is cached and
    # leased it still answers.
    assert asked_to_come_back(api.get("/api/products/?page_size=7"))
    form = {"username": "owner@x.example", "password": "x"}
    assert asked_to_come_back(anyone.request("post", "/admin/login/", form, content_type=FORM))
    assert asked_to_come_back(known.get("/admin/"))
    # Another one when it is looked up.
    domain_maps.domain_map.clear()
    answer = api.get("/api/products/?page_size=7")
    assert asked_to_come_back(answer)
    assert answer.json()["errors"][0]["detail"] == "Please try again in a moment."


def test_any_other_failure_is_left_to_django():
    routing = TenantRouting(lambda request: HttpResponse())
    assert routing.process_exception(HttpRequest(), ValueError()) is None


def test_whoever_may_only_read_may_still_get_a_new_password(portal):
    """Or an owner who forgot theirs could not sign in to pay."""
    tenant = portal()
    with public_scope():
        Tenant.objects.get(pk=tenant.id).fall_past_due(grace=timedelta(seconds=-1))
    time.sleep(domain_maps.POLL_SECONDS)
    api = Api(tenant.primary_host)
    body = {"email": "a@x.example"}
    assert api.post("/api/auth/password-reset/", body).status_code == 202
    assert api.post("/api/auth/password-reset/confirm/", {}).status_code == 400
    assert api.request("post", "/forgotten-password/", body, content_type=FORM).status_code == 202
    assert api.request("post", "/reset-password/x/", body, content_type=FORM).status_code == 404
    assert api.post("/api/invitations/accept/", {}).status_code == 402


def test_no_other_header_chooses_a_tenant(anonymous, globex):
    for header in ("X-Forwarded-Host", "X-Tenant", "Forwarded", "X-Original-Host"):
        answer = anonymous.get("/", headers={header: globex.primary_host})
        assert b"<h1>Acme</h1>" in answer.content


def test_each_host_has_its_own_routes(anonymous, public_client):
    assert public_client.get("/api/products/").status_code == 404
    assert public_client.get("/api/plans/").status_code == 200
    assert anonymous.get("/api/plans/").status_code == 404
    assert anonymous.post("/api/signup/").status_code == 404


def test_no_scope_is_left_after_a_request(portal):
    Client(headers={"host": portal().primary_host}).get("/")
    assert current() is None


@pytest.mark.parametrize(
    ("status", "grace", "read", "write"),
    [
        ("active", None, 200, 401),
        ("past_due", timedelta(days=3), 200, 401),
        ("past_due", timedelta(seconds=-1), 200, 402),
        ("suspended", None, 403, 403),
        ("closing", None, 403, 403),
        ("closed", None, 404, 404),
        ("provisioning", None, 404, 404),
    ],
)
def test_the_gate_opens_by_the_tenants_status(portal, status, grace, read, write):
    tenant = portal()
    with public_scope():
        until = None if grace is None else datetime.now(UTC) + grace
        Tenant.objects.get(pk=tenant.id).change(status=status, grace_until=until)
    domain_maps.domain_map.clear()
    api = Api(tenant.primary_host)
    assert api.get("/api/products/").status_code == read
    # 401: let through by the gate, then asked who is there.
    assert api.post("/api/products/", {}).status_code == write
    with public_scope():
        Tenant.objects.get(pk=tenant.id).change(status=TenantStatus.CLOSED)


def test_after_the_grace_one_can_still_sign_in_and_out(portal):
    tenant = portal()
    with public_scope():
        row = Tenant.objects.get(pk=tenant.id)
        row.fall_past_due(grace=timedelta(seconds=-1))
    domain_maps.domain_map.clear()
    owner = Api(tenant.primary_host).signed_in(
        f"owner@{tenant.primary_host.partition('.')[0]}.example"
    )
    assert owner.get("/api/orders/").status_code == 200
    assert owner.post("/api/orders/", {}).status_code == 402
    assert owner.post("/api/auth/refresh/", {"refresh": owner.refresh}).status_code == 200
    assert owner.post("/api/auth/logout/").status_code == 204


def test_a_refusal_has_the_one_error_format(portal):
    tenant = portal()
    with public_scope():
        Tenant.objects.get(pk=tenant.id).move_to(TenantStatus.SUSPENDED)
    domain_maps.domain_map.clear()
    assert code(Api(tenant.primary_host).get("/api/products/")) == "tenant_suspended"


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "client_error"), (500, "server_error"), (503, "server_error")]
)
def test_the_one_error_format_tells_whose_fault_it_is(status, kind):
    errors = [{"code": "some_code", "detail": "Some words.", "attr": None}]
    answer = error_answer(RequestFactory().get("/"), status, "some_code", "Some words.")
    assert answer.status_code == status
    assert json.loads(answer.content) == {"type": kind, "errors": errors}


@pytest.mark.parametrize(
    ("source", "target", "allowed"),
    [
        ("active", "suspended", True),
        ("suspended", "active", True),
        ("closing", "active", True),
        ("active", "closed", False),
        ("closed", "active", False),
        ("provisioning", "suspended", False),
    ],
)
def test_a_status_changes_along_the_state_machine_only(public, source, target, allowed):
    tenant = Tenant.objects.create(status=source)
    if allowed:
        tenant.move_to(target)
        assert Tenant.objects.get(pk=tenant.pk).status == target
    else:
        with pytest.raises(IllegalTransition):
            tenant.move_to(target)
        assert Tenant.objects.get(pk=tenant.pk).status == source


def test_a_change_is_seen_within_a_second_without_being_told(portal):
    tenant = portal()
    maps = [DomainMap(), DomainMap()]
    for each in maps:
        assert each.tenant_for(tenant.primary_host).status == "active"
    with public_scope():
        Tenant.objects.get(pk=tenant.id).move_to(TenantStatus.SUSPENDED)
    changed = time.monotonic()
    for each in maps:
        while each.tenant_for(tenant.primary_host).status != "suspended":
            assert time.monotonic() - changed < 1
            time.sleep(0.01)


def test_a_busy_map_asks_the_database_twice_a_second_at_most(portal):
    tenant = portal()
    each = DomainMap()
    each.tenant_for(tenant.primary_host)
    with CaptureQueriesContext(connection) as queries:
        started = time.monotonic()
        while time.monotonic() - started < 1:
            each.tenant_for(tenant.primary_host)
    assert len(queries) <= 3


def test_a_tenant_is_looked_up_with_two_queries(portal, monkeypatch):
    tenant = portal()
    monkeypatch.setattr(domain_maps, "POLL_SECONDS", 60)
    each = DomainMap()
    each.tenant_for(tenant.primary_host)
    each.clear()
    for load in (
        lambda: each.tenant_for(tenant.primary_host),
        lambda: domain_maps.load_tenant(tenant.id),
    ):
        with CaptureQueriesContext(connection) as queries:
            assert load().primary_host == tenant.primary_host
        assert len(queries) == 2


def test_a_lookup_waits_for_anothers_poll_only_if_what_is_held_is_too_old(portal, monkeypatch):
    tenant = portal()
    monkeypatch.setattr(domain_maps, "POLL_SECONDS", 5)
    each = DomainMap()
    each.tenant_for(tenant.primary_host)

    def look() -> tuple[UUID, int]:
        try:
            with CaptureQueriesContext(connection) as queries:
                found = each.tenant_for(tenant.primary_host)
            return found.id, len(queries)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        for age, waits in ((6, False), (11, True)):
            with each._polling:
                each._polled_at = time.monotonic() - age
                looking = pool.submit(look)
                assert bool(wait([looking], timeout=0.5).not_done) is waits
                each._polled_at = time.monotonic()
            # The other one has polled: there is nothing left to ask.
            assert looking.result() == (tenant.id, 0)


def test_a_full_map_is_emptied(portal, monkeypatch):
    monkeypatch.setattr(domain_maps, "MAX_HOSTS", 2)
    each = DomainMap()
    hosts = [portal().primary_host for _ in range(3)]
    sizes = []
    for host in hosts:
        each.tenant_for(host)
        sizes.append(len(each._by_host))
    assert sizes == [1, 2, 1]


def test_an_unknown_tenant_is_none(committed):
    assert domain_maps.load_tenant(UUID(int=7)) is None


def test_a_slow_load_cannot_keep_an_old_state(portal, monkeypatch):
    """A load that began before a change and ends after the poll that saw it is corrected."""
    tenant = portal()
    each = DomainMap()
    stale = each.tenant_for(tenant.primary_host)
    with public_scope():
        Tenant.objects.get(pk=tenant.id).move_to(TenantStatus.SUSPENDED)
    each._polled_at = 0.0
    each.tenant_for("nobody.localhost")
    each._by_host[tenant.primary_host] = stale
    time.sleep(domain_maps.POLL_SECONDS)
    assert each.tenant_for(tenant.primary_host).status == "suspended"


def test_a_change_of_one_tenant_is_no_reason_to_forget_another(portal):
    changed, other = portal(), portal()
    with public_scope():
        Tenant.objects.filter(pk=other.id).update(changed_at=timezone.now() - timedelta(hours=1))
    each = DomainMap()
    held = each.tenant_for(other.primary_host)
    each.tenant_for(changed.primary_host)
    with public_scope():
        Tenant.objects.get(pk=changed.id).move_to(TenantStatus.SUSPENDED)
    # Not yet long enough for the map to mistrust all it has.
    each._polled_at -= domain_maps.WINDOW_SECONDS / 2 - 2
    assert each.tenant_for(changed.primary_host).status == "suspended"
    assert each.tenant_for(other.primary_host) is held


def test_a_map_that_slept_forgets_everything(portal):
    tenant = portal()
    each = DomainMap()
    each.tenant_for(tenant.primary_host)
    with public_scope():
        Tenant.objects.filter(pk=tenant.id).update(status="suspended")
    each._polled_at -= domain_maps.WINDOW_SECONDS
    assert each.tenant_for(tenant.primary_host).status == "suspended"


def test_a_renamed_portal_moves_no_data_and_its_old_name_is_gone(portal):
    tenant = portal()
    with tenant_scope(tenant):
        from tenant_apps.products.models import Category

        Category.objects.create(name="kept", slug="kept")
    each = DomainMap()
    each.tenant_for(tenant.primary_host)
    with public_scope():
        Domain.objects.filter(tenant_id=tenant.id).update(host="renamed.localhost")
        Tenant.objects.get(pk=tenant.id).change()
    time.sleep(domain_maps.POLL_SECONDS)
    # The new name first: what it loads must not bring the old one back.
    assert each.tenant_for("renamed.localhost").schema_name == tenant.schema_name
    assert each.tenant_for(tenant.primary_host) is None
    again = portal(tenant.primary_host.partition(".")[0])
    assert each.tenant_for(tenant.primary_host).id == again.id


def test_many_threads_share_one_map(portal):
    tenants = [portal(), portal()]
    each = DomainMap()
    wrong: list[object] = []

    def look() -> None:
        try:
            for _ in range(300):
                for tenant in tenants:
                    found = each.tenant_for(tenant.primary_host)
                    if found is None or found.id != tenant.id:
                        wrong.append(found)
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
