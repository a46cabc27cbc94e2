"""One's own name, password, address and logins, on one page."""

from django.core import mail

from tenant_apps.users.models import RefreshFamily, User
from tests.api import PASSWORD, Admin, Api
from tests.users.links import send_last

NEW = "another horse 8"


def cora() -> User:
    return User.objects.get(pk__in=User.objects.filter(name__startswith="Cora"))


def save(person: Admin, section: str, **values: str):
    fields = {f"{section}-{name}": value for name, value in values.items()}
    return person.post("/profile/", {**fields, f"save_{section}": ""})


def test_the_name_is_changed(customer):
    assert save(customer, "name", name="Cora Blue")["Location"] == "/profile/"
    page = customer.get("/profile/").content
    assert b"Your name was changed" in page
    assert b'value="Cora Blue"' in page
    assert cora().name == "Cora Blue"
    assert save(customer, "name", name="x" * 121).status_code == 400
    assert cora().name == "Cora Blue"


def test_the_password_is_changed_and_every_other_login_ends(customer, acme):
    other = Api(acme.primary_host).signed_in("cora@x.example")
    assert save(customer, "password", old=PASSWORD, new=NEW).status_code == 302
    assert cora().check_password(NEW)
    assert customer.get("/profile/").status_code == 200, "this one goes on"
    assert other.post("/api/auth/refresh/", {"refresh": other.refresh}).status_code == 401


def test_a_password_that_is_wrong_or_weak_changes_nothing(customer):
    wrong = save(customer, "password", old="wrong horse 9", new=NEW)
    assert (wrong.status_code, b"This is not your password." in wrong.content) == (400, True)
    weak = save(customer, "password", old=PASSWORD, new="1234567890")
    assert weak.status_code == 400
    assert b"too common" in weak.content
    assert cora().check_password(PASSWORD)
    assert PASSWORD.encode() not in wrong.content


def test_guesses_of_ones_password_are_counted(customer, limit):
    limit("login", account="2/minute")
    tries = [save(customer, "password", old="wrong horse 9", new=NEW) for _ in range(3)]
    assert [answer.status_code for answer in tries] == [400, 400, 429]
    assert save(customer, "email", email="n@x.example", password=PASSWORD).status_code == 429


def test_another_address_is_confirmed_first(customer):
    assert save(customer, "email", email="new@x.example", password="x").status_code == 400
    assert save(customer, "email", email="nonsense", password=PASSWORD).status_code == 400
    assert save(customer, "email", email="new@x.example", password=PASSWORD).status_code == 302
    assert b"Look into your mail" in customer.get("/profile/").content
    assert send_last("users.new_email") == 1
    assert mail.outbox[-1].to == ["new@x.example"]
    assert cora().email == "cora@x.example"


def test_logins_are_listed_and_ended(customer, acme):
    other = Api(acme.primary_host).signed_in("cora@x.example")
    page = customer.get("/profile/").content.decode()
    assert page.count("This one") == 1
    logins = RefreshFamily.objects.alive().filter(user=cora())
    api_login = logins.get(is_browser=False)
    assert customer.post(f"/profile/logins/{api_login.pk}/end/", {})["Location"] == "/profile/"
    assert other.post("/api/auth/refresh/", {"refresh": other.refresh}).status_code == 401
    assert customer.post(f"/profile/logins/{api_login.pk}/end/", {}).status_code == 404
    Api(acme.primary_host).signed_in("cora@x.example")
    customer.post("/profile/logins/end-others/", {})
    assert [login.is_browser for login in logins.all()] == [True]
    assert customer.get("/profile/").status_code == 200


def test_signing_in_after_a_session_ended_leads_back_to_the_page(customer):
    for path in ("/profile/logins/end-others/", f"/profile/logins/{cora().pk}/end/"):
        assert customer.get(path)["Location"] == "/profile/"


def test_nobody_ends_anothers(customer, admin):
    owners = RefreshFamily.objects.alive().get(user__email="owner@acme.example")
    assert customer.post(f"/profile/logins/{owners.pk}/end/", {}).status_code == 404
    customer.post("/profile/logins/end-others/", {})
    assert RefreshFamily.objects.alive().filter(pk=owners.pk).exists()
