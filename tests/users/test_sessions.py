"""Where one is signed in, by the API and in browsers: listed, and ended one by one or all."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from shared_apps.tenants.scope import no_scope, tenant_scope
from tenant_apps.users.models import RefreshFamily, User
from tests.api import BACKEND, PASSWORD, Api, code, count_queries

EMAIL = "owner@acme.example"
PATH = "/api/me/sessions/"


def sign_in(acme, email: str = EMAIL, agent: str = "", **headers: str) -> Api:
    api = Api(acme.primary_host)
    body = {"email": email, "password": PASSWORD}
    answer = api.post("/api/auth/login/", body, headers={"User-Agent": agent} | headers)
    assert answer.status_code == 200
    signed_in = Api(acme.primary_host, answer.json()["access"])
    signed_in.refresh = answer.json()["refresh"]
    return signed_in


class Browser:
    """Somebody's browser, signed in to the admin through its page."""

    def __init__(self, host: str, email: str = EMAIL, agent: str = "") -> None:
        self.client = Client(headers={"host": host, "user-agent": agent})
        form = {"username": email, "password": PASSWORD}
        assert self.ask("post", "/admin/login/", form).status_code == 302

    def ask(self, method: str, path: str, *args, **kwargs):
        with no_scope():
            return getattr(self.client, method)(path, *args, **kwargs)

    def is_in(self) -> bool:
        status = self.ask("get", "/admin/").status_code
        assert status in (200, 302)
        return status == 200


def is_in(api: Api) -> bool:
    return api.get("/api/me/").status_code == 200


def goes_on(api: Api) -> bool:
    return api.post("/api/auth/refresh/", {"refresh": api.refresh}).status_code == 200


def listed(api: Api) -> list[dict[str, object]]:
    answer = api.get(PATH)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def test_logins_are_listed_with_where_they_came_from(acme, settings):
    settings.TRUSTED_PROXIES = 1
    phone = sign_in(acme, agent="Phone 1", **{"X-Forwarded-For": "6.6.6.6, 10.1.2.3"})
    here = sign_in(acme, agent="Desk 2")
    Browser(acme.primary_host, agent="Browser 3")
    browser, desk, first = listed(here)
    assert (first["user_agent"], first["address"]) == ("Phone 1", "10.1.2.3")
    assert (desk["user_agent"], desk["address"]) == ("Desk 2", "127.0.0.1")
    assert (browser["user_agent"], browser["is_browser"]) == ("Browser 3", True)
    assert [one["is_this"] for one in (browser, desk, first)] == [False, True, False]
    assert [one["is_this"] for one in listed(phone)] == [False, False, True]
    # Nothing of a secret.
    assert set(desk) == {
        *("id", "is_browser", "user_agent", "address"),
        *("started_at", "last_used_at", "expires_at", "is_this"),
    }


def test_a_login_was_last_used_when_it_was_refreshed(acme):
    api = sign_in(acme)
    RefreshFamily.objects.update(created_at=F("created_at") - timedelta(days=1))
    [one] = listed(api)
    assert one["last_used_at"] == one["started_at"]
    assert goes_on(api)
    [one] = listed(api)
    assert one["last_used_at"] > one["started_at"]


@pytest.mark.parametrize(
    ("agent", "kept"),
    [("x" * 5000, "x" * 200), ("a\x1b[31mb\x7f", "a[31mb"), ("", "")],
)
def test_a_user_agent_is_cut_and_printable(acme, agent, kept):
    assert listed(sign_in(acme, agent=agent))[0]["user_agent"] == kept


def test_an_address_that_is_none_is_no_error(acme, settings):
    settings.TRUSTED_PROXIES = 1
    assert listed(sign_in(acme, **{"X-Forwarded-For": "unknown"}))[0]["address"] is None


def test_one_login_is_ended_and_the_others_go_on(acme):
    here, other, third = (sign_in(acme) for _ in range(3))
    [path] = [f"{PATH}{one['id']}/" for one in listed(other) if one["is_this"]]
    assert here.delete(path).status_code == 204
    assert (is_in(other), goes_on(other)) == (False, False)
    assert (is_in(here), is_in(third), goes_on(third)) == (True, True, True)
    assert len(listed(here)) == 2
    assert here.delete(path).status_code == 404


def test_all_others_are_ended_and_this_one_goes_on(acme):
    here, other = sign_in(acme), sign_in(acme)
    browser = Browser(acme.primary_host)
    assert browser.is_in()
    assert here.post(f"{PATH}revoke-others/").status_code == 204
    assert [one["is_this"] for one in listed(here)] == [True]
    assert (is_in(other), goes_on(other), browser.is_in()) == (False, False, False)
    assert goes_on(here)


def test_nobody_sees_or_ends_anothers_login(acme, member, globex):
    staff = member("staff")
    owner = sign_in(acme)
    theirs = listed(owner)[0]["id"]
    assert theirs not in [one["id"] for one in listed(staff)]
    assert staff.delete(f"{PATH}{theirs}/").status_code == 404
    with tenant_scope(globex):
        neighbour = Api(globex.primary_host).signed_in("owner@globex.example")
        assert neighbour.delete(f"{PATH}{theirs}/").status_code == 404
    assert staff.post(f"{PATH}revoke-others/").status_code == 204
    assert is_in(owner)


def test_a_browsers_session_is_a_login_that_can_be_ended(acme):
    api, browser = sign_in(acme), Browser(acme.primary_host)
    [row] = [one for one in listed(api) if one["is_browser"]]
    assert browser.is_in()
    assert browser.ask("get", PATH).json()["results"][0]["is_this"] is True
    assert len([one for one in listed(api) if one["is_browser"]]) == 1
    assert api.delete(f"{PATH}{row['id']}/").status_code == 204
    assert not browser.is_in()
    assert browser.ask("get", "/api/me/").status_code == 401
    assert is_in(api)


def test_a_browser_that_signs_out_or_in_as_somebody_else_leaves_no_login(acme, member):
    api = member("staff")
    browser = Browser(acme.primary_host)
    form = {"username": "staff@acme.example", "password": PASSWORD}
    assert browser.ask("post", "/admin/login/", form).status_code == 302
    alive = RefreshFamily.objects.alive().filter(is_browser=True)
    assert [row.user.email for row in alive] == ["staff@acme.example"]
    browser.ask("post", "/admin/logout/")
    assert not alive.all().exists()
    assert is_in(api)


def test_signing_out_by_the_api_ends_the_session_too(acme):
    browser = Browser(acme.primary_host)
    assert browser.ask("post", "/api/auth/logout/").status_code == 204
    assert not browser.is_in()


def test_a_deactivated_persons_session_ends_and_does_not_come_back(owner, member, acme):
    member("admin")
    browser = Browser(acme.primary_host, "admin@acme.example")
    path = f"/api/users/{User.objects.get(email='admin@acme.example').pk}/"
    assert browser.is_in()
    for active, inside in ((False, False), (True, False)):
        assert owner.patch(path, {"is_active": active}).status_code == 200
        assert browser.is_in() is inside


def test_whoever_manages_people_ends_all_logins_of_those_who_do_not_outrank_them(owner, member):
    admin, staff = member("admin"), member("staff")
    browser = Browser(owner.host, "staff@acme.example")
    ids = {user.email: user.pk for user in User.objects.all()}

    def end(api: Api, email: str):
        return api.post(f"/api/users/{ids[email]}/revoke-sessions/")

    assert end(admin, "staff@acme.example").status_code == 204
    assert (is_in(staff), goes_on(staff), browser.is_in()) == (False, False, False)
    refused = end(admin, EMAIL)
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    assert is_in(owner)
    assert admin.post(f"/api/users/{uuid4()}/revoke-sessions/").status_code == 404
    assert end(member("customer"), "staff@acme.example").status_code == 403


def test_a_session_notes_that_it_is_used_every_few_minutes(acme):
    browser = Browser(acme.primary_host)
    row = RefreshFamily.objects.filter(is_browser=True)
    browser.is_in()
    assert row.get().rotated_at is None
    row.update(created_at=timezone.now() - timedelta(minutes=6))
    browser.is_in()
    assert row.get().rotated_at > timezone.now() - timedelta(minutes=1)


def test_a_session_from_before_is_taken_up_with_its_next_request(acme):
    client = Client(headers={"host": acme.primary_host})
    client.force_login(User.objects.get(email=EMAIL), BACKEND)
    assert not RefreshFamily.objects.filter(is_browser=True).exists()
    with no_scope():
        assert client.get("/admin/").status_code == 200
    assert RefreshFamily.objects.filter(is_browser=True).count() == 1
    User.objects.get(email=EMAIL).revoke_tokens()
    with no_scope():
        assert client.get("/admin/").status_code == 302


def test_a_visitor_without_a_cookie_costs_no_login_and_no_session(anonymous):
    before = RefreshFamily.objects.count()
    assert "sessionid" not in anonymous.get("/").cookies
    assert RefreshFamily.objects.count() == before


def test_the_list_costs_the_same_for_one_login_and_for_many(acme):
    api = sign_in(acme)
    few = count_queries(lambda: api.get(PATH))
    for _ in range(12):
        sign_in(acme)
    assert count_queries(lambda: api.get(PATH)) == few
