"""Signing in to the portal, and out."""

import time
from datetime import timedelta

import pytest
from django.test import Client

from shared_apps.tenants import domain_map as domain_maps
from shared_apps.tenants.models import Tenant
from shared_apps.tenants.scope import no_scope, public_scope, tenant_scope
from tenant_apps.users.models import RefreshFamily, User
from tests.api import PASSWORD

EMAIL = "owner@acme.example"


@pytest.fixture
def visitor(acme) -> Client:
    return Client(headers={"host": acme.primary_host})


def sign_in(client: Client, email: str = EMAIL, password: str = PASSWORD, to: str = ""):
    with no_scope():
        return client.post(f"/sign-in/?next={to}", {"username": email, "password": password})


def get(client: Client, path: str):
    with no_scope():
        return client.get(path)


def test_one_signs_in_with_whatever_case_and_goes_on_to_where_one_was(visitor):
    assert get(visitor, "/profile/")["Location"] == "/sign-in/?next=/profile/"
    answer = sign_in(visitor, "Owner@Acme.example", to="/profile/")
    assert (answer.status_code, answer["Location"]) == (302, "/profile/")
    assert EMAIL.encode() in get(visitor, "/profile/").content
    assert get(visitor, "/sign-in/")["Location"] == "/", "who is here need not sign in"


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_elsewhere(visitor, to):
    assert sign_in(visitor, to=to)["Location"] == "/"


@pytest.mark.parametrize(
    ("email", "password"),
    [(EMAIL, "wrong horse 9"), ("nobody@x.example", PASSWORD), ("off@x.example", PASSWORD)],
)
def test_wrong_unknown_and_dismissed_are_answered_alike(visitor, email, password):
    User.objects.create_member("off@x.example", PASSWORD, role="customer", is_active=False)
    answer = sign_in(visitor, email, password)
    assert answer.status_code == 400
    assert b"There is nobody here with this e-mail and password." in answer.content
    assert get(visitor, "/profile/").status_code == 302


def test_it_is_a_login_like_any_other_and_ends_when_one_signs_out(visitor):
    sign_in(visitor)
    login = RefreshFamily.objects.alive().get(user__email=EMAIL)
    assert login.is_browser
    with no_scope():
        assert visitor.get("/sign-out/").status_code == 405
        assert visitor.post("/sign-out/")["Location"] == "/"
    assert not RefreshFamily.objects.alive().filter(pk=login.pk).exists()
    assert get(visitor, "/profile/").status_code == 302


def test_a_session_of_one_portal_is_none_in_another(visitor, globex):
    sign_in(visitor)
    with no_scope():
        answer = visitor.get("/profile/", headers={"host": globex.primary_host})
    assert answer.status_code == 302


def test_tries_are_counted(visitor, limit):
    limit("login", account="2/minute")
    answers = [sign_in(visitor, password="wrong horse 9") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    last = answers[-1]
    assert 0 < int(last["Retry-After"]) <= 60
    assert b"Too many attempts" in last.content
    assert EMAIL.encode() in last.content


def test_the_form_is_protected(acme):
    careful = Client(headers={"host": acme.primary_host}, enforce_csrf_checks=True)
    careful.defaults["HTTP_ACCEPT"] = "text/html"
    refused = sign_in(careful)
    assert refused.status_code == 403
    assert b"This page was open for too long." in refused.content


def test_whoever_may_only_read_may_sign_in_and_out(portal):
    tenant = portal()
    with public_scope():
        Tenant.objects.get(pk=tenant.id).fall_past_due(grace=timedelta(seconds=-1))
    time.sleep(domain_maps.POLL_SECONDS)
    with tenant_scope(tenant):
        email = User.objects.get().email
    client = Client(headers={"host": tenant.primary_host, "accept": "text/html"})
    assert sign_in(client, email).status_code == 302
    paid = client.post("/cart/", {"order": ""})
    assert paid.status_code == 402
    assert b"<h1>This portal is read-only until it is paid for.</h1>" in paid.content
    assert client.post("/sign-out/").status_code == 302
