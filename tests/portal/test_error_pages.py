"""What goes wrong is told in the asker's format: a page to browsers, JSON to programs."""

from shared_apps.tenants import domain_map as domain_maps
from shared_apps.tenants.scope import no_scope, tenant_scope
from tenant_apps.users.models import User
from tests.api import Admin, Api, code

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_gets_a_page_and_a_program_json(anonymous):
    page = anonymous.get("/nowhere/", headers=BROWSER)
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert b"<h1>" in page.content
    assert {"Accept", "Accept-Language"} <= set(page["Vary"].split(", "))
    for headers in ({}, {"Accept": "application/json"}, {"Accept": "*/*"}):
        answer = anonymous.get("/nowhere/", headers=headers)
        assert (answer.status_code, code(answer)) == (404, "not_found")
    api = anonymous.get("/api/nowhere/", headers=BROWSER)
    assert (api.status_code, code(api)) == (404, "not_found")


def test_an_unknown_host_has_a_page_that_says_nothing_of_portals(db):
    page = Api("nobody.localhost").get("/", headers=BROWSER)
    assert page.status_code == 404
    assert b"There is no portal here." in page.content


def test_a_page_for_when_the_database_is_out_of_reach_asks_it_nothing(
    portal, no_database, monkeypatch
):
    tenant = portal()
    monkeypatch.setattr(domain_maps, "POLL_SECONDS", 60)
    with tenant_scope(tenant):
        person = Admin(tenant.primary_host, User.objects.get())
    with no_scope():
        assert b"Sign out" in person.client.get("/", headers=BROWSER).content
        no_database()
        page = person.client.get("/", headers=BROWSER)
    assert (page.status_code, page["Retry-After"]) == (503, "2")
    assert b"Please try again in a moment." in page.content
    assert tenant.name.encode() in page.content, "the portal's own page"


def test_a_nul_in_an_address_is_refused_with_a_page(anonymous):
    page = anonymous.get("/?search=%00", headers=BROWSER)
    assert (page.status_code, b"NUL" in page.content) == (400, True)
    assert anonymous.get("/products/%00/", headers=BROWSER).status_code == 404
