"""The portal's settings by API and in the admin: name, look, language, time, and who may read."""

import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from shared_apps.tenants.scope import no_scope, tenant_scope
from shared_apps.tenants.storage import all_names
from tenant_apps.files.models import StoredFile
from tenant_apps.users.models import PortalSettings, contrast_with_white
from tests.api import Admin, Api, code
from tests.files.pictures import picture, upload
from tests.stack.running import until

PATH = "/api/settings/"
ADMIN = "/admin/users/portalsettings/1/change/"
FORM = {
    "name": "Acme",
    "colour": "#1f5fbf",
    "currency": "EUR",
    "language": "en",
    "time_zone": "UTC",
    "catalogue_readers": "anyone",
}


def put_logo(api: Api, content: bytes):
    body = encode_multipart(BOUNDARY, {"file": upload(content)})
    return api.request("put", f"{PATH}logo/", body, content_type=MULTIPART_CONTENT)


@pytest.fixture
def shop(portal):
    """Return a portal that may be changed for good, and its owner."""
    tenant = portal()
    name = tenant.primary_host.partition(".")[0]
    return tenant, Api(tenant.primary_host).signed_in(f"owner@{name}.example")


def test_settings_are_read_by_everybody_signed_in_and_changed_by_those_who_may(
    owner, member, anonymous, acme
):
    customer = member("customer")
    before = customer.get(PATH).json()
    assert before == {
        "name": "Acme",
        "logo": None,
        "colour": "#1f5fbf",
        "currency": "EUR",
        "language": "en",
        "time_zone": "UTC",
        "catalogue_readers": "anyone",
    }
    assert anonymous.get(PATH).status_code == 401
    assert customer.patch(PATH, {"name": "Mine"}).status_code == 403
    changed = {"name": "Acme & Co", "colour": "#7a1fbf", "language": "de"}
    assert owner.patch(PATH, changed).json() == before | changed
    assert customer.get(PATH).json() == before | changed


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"colour": "blue"}, "no_colour"),
        ({"colour": "#ffff00"}, "too_light"),
        ({"currency": "EURO"}, "invalid"),
        ({"language": "tlh"}, "invalid_choice"),
        ({"time_zone": "Mars/Olympus"}, "invalid_choice"),
        ({"catalogue_readers": "nobody"}, "invalid_choice"),
        ({"name": "a\nb"}, "control"),
        ({"logo": "x"}, "unknown_field"),
        ({"id": 2}, "unknown_field"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(owner, acme, wrong, why):
    before = owner.get(PATH).json()
    answer = owner.patch(PATH, {"name": "Other"} | wrong)
    assert (answer.status_code, code(answer)) == (400, why)
    assert owner.get(PATH).json() == before


def test_contrast_is_as_wcag_defines_it():
    assert contrast_with_white("#000000") == pytest.approx(21)
    assert contrast_with_white("#ffffff") == pytest.approx(1)
    assert contrast_with_white("#767676") == pytest.approx(4.54, abs=0.01)


def test_a_change_shows_on_every_page_within_a_second(shop):
    tenant, owner = shop
    visitor = Api(tenant.primary_host)
    owner.patch(PATH, {"name": "Renamed", "colour": "#0b6b3a", "currency": "CHF"})
    until(lambda: "<h1>Renamed</h1>" in visitor.get("/").content.decode(), 1, "the name")
    page = visitor.get("/").content.decode()
    assert 'href="/look.css?v=0b6b3a"' in page
    look = visitor.get("/look.css")
    assert (look.status_code, look["Content-Type"]) == (200, "text/css")
    assert "--accent:#0b6b3a;" in look.content.decode()


def test_a_logo_is_shown_to_everybody_and_goes_again(shop):
    tenant, owner = shop
    visitor = Api(tenant.primary_host)
    assert visitor.get("/logo/").status_code == 404
    answer = put_logo(owner, picture())
    assert answer.status_code == 200, answer.content
    assert answer.json()["logo"].startswith(f"http://{tenant.primary_host}:8000/logo/?v=")
    shown = until(lambda: (a := visitor.get("/logo/")).status_code == 200 and a, 1, "the logo")
    assert shown["Content-Type"] == "image/png"
    assert shown.getvalue().startswith(b"\x89PNG")
    assert '<img src="/logo/?v=' in visitor.get("/").content.decode()
    assert put_logo(owner, picture("JPEG")).status_code == 200
    assert owner.delete(f"{PATH}logo/").status_code == 204
    assert owner.get(PATH).json()["logo"] is None
    with tenant_scope(tenant):
        assert (StoredFile.objects.count(), all_names()) == (0, [])


def test_a_logo_that_is_no_picture_is_refused(owner, member, acme):
    answer = put_logo(owner, b"<svg/>")
    assert (answer.status_code, code(answer)) == (400, "not_a_picture")
    assert put_logo(member("customer"), picture()).status_code == 403


def test_the_admin_changes_settings_and_logo(admin, acme):
    assert 'id="id_colour"' in admin.get(ADMIN).content.decode()
    refused = admin.post(ADMIN, FORM | {"colour": "#ffffff"})
    assert "White text cannot be read" in refused.content.decode()
    changed = FORM | {"name": "Acme 2", "language": "de", "new_logo": upload(picture())}
    assert admin.post(ADMIN, changed).status_code == 302
    row = PortalSettings.objects.get()
    assert (row.name, row.language, row.logo.content_type) == ("Acme 2", "de", "image/png")


def test_pages_speak_the_browsers_language_else_the_portals(shop):
    tenant, owner = shop
    visitor = Api(tenant.primary_host)
    assert visitor.get("/")["Content-Language"] == "en"
    owner.patch(PATH, {"language": "de"})
    until(lambda: visitor.get("/")["Content-Language"] == "de", 1, "the language")
    assert '<html lang="de">' in visitor.get("/").content.decode()
    english = visitor.get("/", headers={"Accept-Language": "fr, en-GB;q=0.8, de;q=0.5"})
    assert english["Content-Language"] == "en"
    login = visitor.get("/admin/login/").content.decode()
    assert "Anmelden" in login
    # The API is for programs: English, and UTC.
    refused = visitor.get(PATH, headers={"Accept-Language": "de"})
    assert "Authentication credentials" in refused.json()["errors"][0]["detail"]


def test_the_admin_shows_the_portals_time_and_the_api_utc(shop):
    tenant, owner = shop
    owner.patch(PATH, {"time_zone": "Pacific/Kiritimati"})
    with tenant_scope(tenant):
        from tenant_apps.users.models import User

        admin = Admin(tenant.primary_host, User.objects.get())
    with no_scope():
        me = f"/admin/users/user/{owner.get('/api/me/').json()['id']}/change/"
    created = owner.get("/api/me/").json()["created_at"]
    assert created.endswith("Z")
    from datetime import datetime, timedelta

    there = datetime.fromisoformat(created) + timedelta(hours=14)
    until(
        lambda: there.strftime("%-d, %Y") in admin.get(me).content.decode(), 2, "the portal's time"
    )
