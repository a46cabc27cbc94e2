"""Signing up: a portal that works when the answer arrives, or nothing at all."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client

from shared_apps.tenants.models import Domain, Tenant, TenantStatus
from shared_apps.tenants.provisioning.pool import fill
from shared_apps.tenants.scope import no_scope, public_scope
from tests.api import PASSWORD, Api, code


def body(**changes: object) -> dict[str, object]:
    return {
        "subdomain": "initech",
        "company": "Initech",
        "email": "Peter@Initech.example",
        "password": PASSWORD,
        "plan": "team",
    } | changes


def sign_up(**changes: object):
    with no_scope():
        return Client(headers={"host": "localhost"}).post(
            "/api/signup/", body(**changes), content_type="application/json"
        )


def counts() -> tuple[int, int]:
    with public_scope():
        return Domain.objects.count(), Tenant.objects.claimed().count()


def test_a_portal_works_when_the_answer_arrives(committed):
    fill(1)
    answer = sign_up(subdomain="works-at-once")
    assert answer.status_code == 201
    tenant = answer.json()["tenant"]
    assert tenant["subdomain"] == "works-at-once"
    assert (tenant["name"], tenant["status"]) == ("Initech", "active")
    assert answer.json()["url"] == "http://works-at-once.localhost:8000"
    owner = Api("works-at-once.localhost").signed_in("peter@initech.example")
    me = owner.get("/api/me/").json()
    assert (me["role"], me["email"], me["email_verified"]) == (
        "owner",
        "peter@initech.example",
        False,
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *[(n, "invalid") for n in ("ab", "a" * 33, "-abc", "abc-", "a_b", "a.b", "a b", "Acme")],
        *[(n, "invalid") for n in ("xn--bcher-kva", "a--b", "bücher", "acmе", "a\u202eb")],
        *[(n, "reserved") for n in ("www", "api", "admin", "mail", "billing")],
        *[(n, "reserved") for n in ("adm1n", "adrnin", "suppor-t", "b1ll1ng", "a-d-m-i-n")],
    ],
)
def test_a_subdomain_that_nobody_may_have_is_refused(public, name, why):
    before = counts()
    answer = sign_up(subdomain=name)
    assert (answer.status_code, code(answer)) == (400, why)
    assert answer.json()["errors"][0]["attr"] == "subdomain"
    assert counts() == before


@pytest.mark.parametrize(
    ("changes", "attr"),
    [
        ({"email": "nobody"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "1234567890"}, "password"),
        ({"plan": "golden"}, "plan"),
        ({"company": ""}, "company"),
        ({"is_superuser": True}, "is_superuser"),
        ({"schema_name": "t_aaaaaaaaaaaa"}, "schema_name"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(public, changes, attr):
    before = counts()
    answer = sign_up(**changes)
    assert answer.status_code == 400
    assert attr in [error["attr"] for error in answer.json()["errors"]]
    assert counts() == before


def test_a_taken_subdomain_is_refused(portal):
    portal("taken-name")
    before = counts()
    answer = sign_up(subdomain="taken-name")
    assert (answer.status_code, code(answer)) == (409, "subdomain_taken")
    assert counts() == before


def test_twenty_sign_ups_at_once_for_one_subdomain_make_one_tenant(committed):
    fill(6)
    before = counts()

    def one(number: int) -> int:
        try:
            return sign_up(subdomain="race", email=f"p{number}@x.example").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(one, range(20)))
    assert statuses == [201] + [409] * 19
    assert counts() == (before[0] + 1, before[1] + 1)


def test_an_empty_pool_is_a_503_that_says_when_to_come_back(committed, monkeypatch):
    monkeypatch.setattr("billing.signing_up.POOL_WAIT_SECONDS", 0.2)
    with public_scope():
        waiting = list(Tenant.objects.ready().values_list("pk", flat=True))
        Tenant.objects.ready().update(status=TenantStatus.CLOSED)
    try:
        answer = sign_up(subdomain="too-early")
        assert (answer.status_code, code(answer)) == (503, "try_again")
        assert answer["Retry-After"] == "2"
    finally:
        with public_scope():
            Tenant.objects.filter(pk__in=waiting).update(status=TenantStatus.PROVISIONING)
    assert sign_up(subdomain="too-early").status_code == 201


@pytest.mark.parametrize(
    ("name", "available"),
    [("free-as-can-be", True), ("acme", False), ("www", False), ("x", False), ("", False)],
)
def test_the_form_can_ask_whether_a_name_is_free(public, _acme, public_client, name, available):
    with no_scope():
        answer = public_client.get("/api/signup/subdomain/", {"subdomain": name}).json()
    assert answer["available"] is available
    assert bool(answer["reason"]) is not available


def test_the_plans_on_offer_are_listed(public_client):
    answer = public_client.get("/api/plans/").json()
    assert [plan["code"] for plan in answer["results"]] == ["free", "team", "business"]
    assert answer["results"][1]["price_month"] == "29.00"


def test_the_sign_up_page_shows_errors_beside_their_fields_and_then_signs_up(committed):
    fill(1)
    client = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    page = client.get("/signup/?plan=team")
    assert b'value="team" required' in page.content or b"checked" in page.content
    token = client.cookies["csrftoken"].value
    form = body(subdomain="www") | {"csrfmiddlewaretoken": token}
    refused = client.post("/signup/", form)
    assert refused.status_code == 400
    assert b"This name is reserved." in refused.content
    assert b'value="Initech"' in refused.content
    done = client.post("/signup/", form | {"subdomain": "by-page"})
    assert done.status_code == 201
    assert b"http://by-page.localhost:8000" in done.content
    again = client.post("/signup/", form | {"subdomain": "by-page"})
    assert (again.status_code, b"is open" in again.content) == (201, True), "a double click"
    for other in ({"email": "else@x.example"}, {"password": "another horse 8"}):
        assert client.post("/signup/", form | {"subdomain": "by-page"} | other).status_code == 409
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        assert client.post("/signup/", form | {"subdomain": "by-page"}).status_code == 409
    assert client.post("/signup/", body(subdomain="no-csrf")).status_code == 403


def test_a_name_that_reads_like_a_portals_is_refused(portal):
    portal("corner-mill")
    for name in ("c0rner-mill", "comer-mill", "cornermill", "corner-m1ll", "corner-miii"):
        answer = sign_up(subdomain=name)
        assert (answer.status_code, code(answer)) == (409, "subdomain_taken"), name


@pytest.mark.parametrize("company", ["Foo\nBar", "Foo\r\nBcc: x@y.example", "a\x1bb", "a\u2028b"])
def test_a_company_name_is_one_line(public, company):
    answer = sign_up(company=company)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "company"


def test_a_nul_in_the_page_s_form_is_refused(public, public_client):
    with no_scope():
        answer = public_client.post("/signup/", body(plan="a\x00"))
    assert (answer.status_code, code(answer)) == (400, "nul")


def test_the_page_says_that_a_name_is_taken_beside_what_else_is_wrong(public, _acme, public_client):
    form = {"company": "C", "subdomain": " Acme", "email": "nonsense", "password": "x"}
    with no_scope():
        page = public_client.post("/signup/", {**form, "plan": "free"})
    assert page.status_code == 400
    assert b"This address is taken." in page.content
    assert b"valid e" in page.content.lower()


@pytest.mark.parametrize(
    ("name", "said"),
    [("", b"3 to 32"), ("free-one", b"free-one is free."), (" Acme", b"taken"), ("-x", b"hyphen")],
)
def test_the_page_asks_for_a_name_while_it_is_typed(public, _acme, public_client, name, said):
    with no_scope():
        part = public_client.get("/signup/subdomain/", {"subdomain": name})
    assert (part.status_code, said in part.content) == (200, True)
    assert b"<html" not in part.content
