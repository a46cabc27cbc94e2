"""Pages, the admin and mails in German; the API in English whatever the browser asks for."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template import Context, Template
from django.utils import timezone, translation

from billing.notices import TEXTS
from config.messages import collect
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.models import DeadTask
from shared_apps.tenants.scope import no_scope, tenant_scope
from tenant_apps.history.models import Change
from tenant_apps.integrations import outbox
from tenant_apps.integrations.jobs import run
from tenant_apps.integrations.models import Job
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.addresses.changing import request_change
from tenant_apps.users.email_verification import request_confirmation
from tenant_apps.users.invitations.inviting import invite
from tenant_apps.users.locale import portal_locale
from tenant_apps.users.models import Invitation, PortalSettings, Role, User
from tenant_apps.users.passwords.resetting import request_reset
from tests.api import Admin, Api
from tests.users.links import mailed_link, send_last
from tests.visible import texts_of

IN_GERMAN = {"Accept-Language": "de-AT, en;q=0.5"}


# In small letters, as the admin writes some texts large. "Name" and "Status" are German, too.
_BOTH = [(m.id.casefold(), m.string.casefold()) for m in collect() if isinstance(m.id, str)]
ENGLISH = {text for text, german in _BOTH if text and text != german}


def left_english(texts: list[str]) -> list[str]:
    return [text for text in texts if text.casefold() in ENGLISH]


@pytest.fixture
def owner_user(acme) -> User:
    return User.objects.get(email="owner@acme.example")


@pytest.fixture
def german(admin: Admin) -> Admin:
    """Acme's admin as the owner's German browser sees it."""
    admin.client.defaults["HTTP_ACCEPT_LANGUAGE"] = IN_GERMAN["Accept-Language"]
    return admin


@pytest.fixture
def lamp(acme) -> Product:
    shelf = Category.objects.create(name="Lampenregal", slug="regal")
    return Product.objects.create(name="Leuchte", slug="l", price="2.50", stock=3, category=shelf)


@pytest.fixture
def order(owner_user, lamp) -> Order:
    return place_order(user=owner_user, items=[(lamp.pk, 2)])


# --- pages ----------------------------------------------------------------------------------------


def page(path: str, expected: int = 200, host: str = "acme.localhost") -> str:
    answer = Api(host).get(path, headers=IN_GERMAN | {"Accept": "text/html"})
    assert answer.status_code == expected
    return read(answer)


def read(answer) -> str:
    text = str(answer.content.decode())
    assert '<html lang="de">' in text
    assert left_english(texts_of(text)) == []
    return text


def test_the_public_pages_are_german(public):
    assert "Ein Portal für Ihre Firma" in page("/", host="localhost")
    assert "Zum Ausprobieren." in page("/plans/", host="localhost")
    assert "Portal eröffnen" in page("/signup/", host="localhost")


def test_the_pages_of_a_portal_are_german(german, order, lamp):
    assert "Katalog durchsuchen" in page("/")
    assert "Zum Bestellen anmelden" in page(f"/products/{lamp.slug}/")
    assert "Anmelden" in page("/sign-in/")
    paths = {"/cart/": "leer", "/orders/": "Offen", "/orders/1001/": "5,00", "/profile/": "Profil"}
    for path, text in paths.items():
        assert text in read(german.get(path))
    german.post("/cart/", {"product": lamp.pk, "quantity": 1, "add": ""})
    assert "Kostenpflichtig bestellen" in read(german.get("/cart/"))


def test_what_goes_wrong_is_told_in_german(acme, monkeypatch):
    assert "Nicht gefunden." in page("/nowhere/", 404)
    assert "Hier gibt es kein Portal." in page("/", 404, host="nobody.localhost")
    suspended = replace(acme, status="suspended")
    monkeypatch.setattr(domain_map, "tenant_for", lambda host: suspended)
    assert "Dieses Portal ist gesperrt." in page("/", 403)


def test_the_pages_of_a_forgotten_password_are_german(acme, owner_user):
    assert "Passwort vergessen?" in page("/forgotten-password/")
    request_reset(email=owner_user.email)
    assert "Neues Passwort wählen" in page(mailed_link("users.reset_password"))
    assert "Dieser Link ist nicht gültig" in page("/reset-password/x/", 404)
    sent = Api("acme.localhost").client.post(
        "/forgotten-password/", {"email": "nobody"}, headers=IN_GERMAN
    )
    assert "Bitte geben Sie eine gültige E-Mail-Adresse ein." in sent.content.decode()
    sent = Api("acme.localhost").client.post(
        "/forgotten-password/", {"email": "a@b.example"}, headers=IN_GERMAN
    )
    assert left_english(texts_of(sent.content.decode())) == []
    assert "Er gilt eine Stunde lang." in sent.content.decode()


def test_the_pages_of_an_invitation_are_german(acme, owner_user):
    invite(acting=owner_user, email="new@x.example", roles=Role.objects.filter(code="staff"))
    path = mailed_link("users.invitation")
    assert "Willkommen bei Acme" in page(path)
    with no_scope():
        answer = Api("acme.localhost").client.post(
            path, {"name": "Eva", "password": "12345"}, headers=IN_GERMAN
        )
    text = answer.content.decode()
    assert "Bitte mindestens 10 Zeichen." in text
    assert left_english(texts_of(text)) == []


def test_the_pages_that_confirm_an_address_are_german(acme, owner_user):
    request_change(user=owner_user, email="other@acme.example")
    assert "Ab jetzt melden Sie sich mit other@" in page(mailed_link("users.new_email"))
    User.objects.filter(pk=owner_user.pk).update(email_verified_at=None)
    request_confirmation(owner_user)
    assert "owner@acme.example ist bestätigt." in page(mailed_link("users.confirm_email"))
    assert "Er ist zu alt" in page("/confirm-email/x/", 404)


# --- admin ----------------------------------------------------------------------------------------


def test_the_pages_of_the_admin_are_german(german, owner_user, lamp, order):
    lamp.price = 3
    lamp.save()
    roles = [Role.objects.get(code="staff")]
    invited = invite(acting=owner_user, email="new@x.example", roles=roles)
    job = Job.objects.create(kind="catalogue_import", filename="f.csv", refused=1)
    rows = {
        "products/category": lamp.category,
        "products/product": lamp,
        "orders/order": order,
        "users/invitation": invited,
        "integrations/job": job,
        "users/user": owner_user,
        "users/role": roles[0],
        "users/portalsettings": PortalSettings.objects.get(),
        "history/change": Change.objects.first(),
    }
    paths = ["", "products/product/import/"]
    paths += ["products/product/add/", "users/invitation/add/", f"orders/order/{order.pk}/history/"]
    paths += [f"products/product/{lamp.pk}/history/", "password_change/"]
    for folder, row in rows.items():
        paths += [f"{folder}/", f"{folder}/{row.pk}/change/"]
    for path in paths:
        answer = german.get(f"/admin/{path}")
        assert answer.status_code == 200, path
        assert left_english(texts_of(answer.content.decode())) == [], path
    index = texts_of(german.get("/admin/").content.decode())
    assert {"Bestellungen und Umsatz der letzten 30 Tage", "Geringer Bestand: 5 oder weniger"} < {
        *index
    }


def test_the_operators_admin_is_german(public):
    operator = User.objects.create_operator("op@x.example", None)
    DeadTask.objects.all().delete()  # other tests' reasons are what was raised, in English
    admin = Admin("localhost", operator)
    admin.client.defaults["HTTP_ACCEPT_LANGUAGE"] = IN_GERMAN["Accept-Language"]
    for model in ("tenants/tenant", "tenants/domain", "tenants/deadtask", "plans/plan"):
        answer = admin.get(f"/admin/{model}/")
        assert left_english(texts_of(answer.content.decode())) == [], model
    assert "Mandant" in answer.content.decode()


def test_what_the_admin_says_of_a_deed_is_german(german, order):
    form = {"action": "pay", "_selected_action": str(order.pk)}
    asked = texts_of(german.post("/admin/orders/order/", form).content.decode())
    question = "Bestellung 1001 von owner@acme.example, 5,00 EUR: bisher offen, künftig bezahlt"
    assert question in asked
    assert left_english(asked) == []
    for said in (
        "Jetzt bezahlt: 1 (1001).",
        "Eine Bestellung mit dem Status „bezahlt“ kann nicht „bezahlt“ werden.",
    ):
        german.post("/admin/orders/order/", form | {"confirmed": "yes"})
        assert said in german.get("/admin/orders/order/").content.decode()
    told = german.get(f"/admin/orders/order/{order.pk}/history/").content.decode()
    assert "Offen</td>" in told, "what was chosen is told by its name"
    assert "Bezahlt</td>" in told


# --- mails: in the portal's language --------------------------------------------------------------

MAILS = {
    "users.confirm_email": (
        "Bitte bestätigen Sie Ihre E-Mail-Adresse",
        lambda person: request_confirmation(person),
    ),
    "users.new_email": (
        "Bitte bestätigen Sie Ihre neue E-Mail-Adresse",
        lambda person: request_change(user=person, email="other@acme.example"),
    ),
    "users.new_email_notice": (
        "Ihre E-Mail-Adresse wird geändert",
        lambda person: request_change(user=person, email="other@acme.example"),
    ),
    "users.reset_password": (
        "Neues Passwort wählen",
        lambda person: request_reset(email=person.email),
    ),
    "users.invitation": (
        "Sie sind eingeladen",
        lambda person: invite(
            acting=person, email="new@x.example", roles=Role.objects.filter(code="staff")
        ),
    ),
    "orders.confirmation": (
        "Bestellung 1001 bestätigt",
        lambda person: place_order(user=person, items=[(Product.objects.get().pk, 2)]),
    ),
}
NOTICES = {
    "trial_ending": "Ihre Probezeit geht zu Ende",
    "payment_failed": "Eine Zahlung ist fehlgeschlagen",
    "read_only": "Ihr Portal kann nur noch gelesen werden",
    "suspended": "Ihr Portal ist gesperrt",
    "closing": "Ihr Portal wird geschlossen",
    "paid": "Ihr Portal ist bezahlt",
}


def deliver(kind: str, person: User):
    User.objects.filter(pk=person.pk).update(email_verified_at=None)
    MAILS[kind][1](person)
    assert send_last(kind) == 1
    return mail.outbox[-1]


@pytest.mark.parametrize("kind", MAILS)
def test_a_german_portals_mail_is_german(acme, owner_user, lamp, kind):
    with tenant_scope(replace(acme, settings=acme.settings | {"language": "de"})):
        sent = deliver(kind, owner_user)
    html = sent.alternatives[0].content
    assert sent.subject == f"{MAILS[kind][0]} - Acme"
    assert '<html lang="de">' in html
    assert left_english([*sent.body.splitlines(), *texts_of(html)]) == []
    assert set(sent.body.splitlines()) & {"Guten Tag,", "Gesamtbetrag: 5,00 EUR"}


@pytest.mark.parametrize("kind", NOTICES)
def test_what_a_german_portals_owner_is_told_about_paying_is_german(acme, kind):
    until = None if kind == "paid" else "2026-05-01T12:00:00+00:00"
    settings = acme.settings | {"language": "de", "time_zone": "Europe/Vienna"}
    with tenant_scope(replace(acme, settings=settings)):
        outbox.enqueue("billing.notice", {"kind": kind, "plan": "Team", "until": until})
        assert send_last("billing.notice") == 1
    sent = mail.outbox[-1]
    html = sent.alternatives[0].content
    assert sent.subject == f"{NOTICES[kind]} - Acme"
    assert left_english([*sent.body.splitlines(), *texts_of(html)]) == []
    assert "http://acme.localhost:8000/admin/billing/" in sent.body
    assert ("1. Mai 2026 14:00" in sent.body) == ("1. Mai 2026 14:00" in html) == bool(until)


def test_every_notice_there_is_was_asked_for_here():
    assert set(NOTICES) == set(TEXTS)


def test_an_english_portals_mail_is_english_whoever_asked_for_it(acme, owner_user, lamp):
    with translation.override("de"):
        sent = deliver("orders.confirmation", owner_user)
        assert translation.get_language() == "de", "as it was before"
    assert sent.subject == "Order 1001 confirmed - Acme"
    assert "Total: 5.00 EUR" in sent.body


def test_the_portals_language_and_time_are_set_where_a_mail_is_written(acme):
    settings = acme.settings | {"language": "de", "time_zone": "Pacific/Kiritimati"}
    with tenant_scope(replace(acme, settings=settings)), portal_locale():
        noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
        template = Template("{{ noon|date:'DATETIME_FORMAT' }}")
        assert template.render(Context({"noon": noon})) == "2. Mai 2026 02:00"
    assert (translation.get_language(), timezone.get_current_timezone_name()) == ("en", "UTC")


def test_every_mail_there_is_was_asked_for_here(settings):
    others = {"integrations.run_job", "billing.begin", "billing.notice"}
    assert set(MAILS) == set(settings.OUTBOX_DELIVERERS) - others


# --- jobs: in the language of whoever asked -------------------------------------------------------

CSV = b"Handle,Title,Variant Price\nh,Lamp,x\n"


def test_an_import_tells_its_outcome_in_the_language_of_whoever_asked_for_it(german, owner):
    body = {"file": SimpleUploadedFile("c.csv", CSV)}
    german.post("/admin/products/product/import/", body)
    run(Job.objects.get().pk)
    assert Job.objects.get().refusals[0]["reason"] == "'x' ist kein Preis."
    Job.objects.all().delete()
    owner.headers |= IN_GERMAN
    with no_scope():
        body = {"file": SimpleUploadedFile("c.csv", CSV)}
        owner.client.post("/api/imports/", body, headers=owner.headers)
    run(Job.objects.get().pk)
    assert Job.objects.get().refusals[0]["reason"] == "'x' is not a price."


# --- the API --------------------------------------------------------------------------------------


def test_the_api_speaks_english_to_a_german_browser(owner, acme):
    owner.headers |= IN_GERMAN
    role = str(Role.objects.get(code="staff").uuid)
    owner.post("/api/invitations/", {"email": "x@y.example", "roles": [role]})
    refused = owner.post("/api/invitations/", {"email": "x@y.example", "roles": [role]})
    assert refused.json()["errors"][0]["detail"].startswith("This address was invited before")
    refused = owner.patch("/api/settings/", {"colour": "#ffffff"})
    assert refused.json()["errors"][0]["detail"].startswith("White text cannot be read")
    asked = owner.post("/api/auth/password-reset/", {"email": "x@y.example"})
    assert asked.json()["detail"].startswith("If this is the address")
    assert Invitation.objects.count() == 1


def test_the_document_of_the_api_is_the_same_in_every_language(acme):
    api = Api(acme.primary_host)
    german = api.get("/api/schema/", headers=IN_GERMAN)
    assert german.content == api.get("/api/schema/").content
    assert b"Pending" in german.content
