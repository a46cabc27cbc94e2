"""Another address: confirmed from the new one, the old one told, nobody's presence given away."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from shared_apps.tenants.scope import no_scope, tenant_scope
from tenant_apps.users.addresses.changing import confirm_change
from tenant_apps.users.links import LinkInvalid, make_token
from tenant_apps.users.models import User
from tests.api import PASSWORD, Api, code
from tests.users.links import mailed_link, send_last

EMAIL, NEW = "owner@acme.example", "ada@else.example"


def ask(api: Api, email: str = NEW, password: str = PASSWORD):
    return api.post("/api/me/email/", {"email": email, "password": password})


def asked_link(api: Api, email: str = NEW) -> str:
    answer = ask(api, email)
    assert answer.status_code == 202, answer.content
    return mailed_link("users.new_email")


def press(api: Api, link: str):
    with no_scope():
        return api.client.post(link)


def address_of_owner() -> str:
    return User.objects.get(groups__role__code="owner").email


def test_the_address_changes_when_it_is_confirmed_from_the_new_one(owner, anonymous):
    link = asked_link(owner, "Ada@Else.example")
    assert mail.outbox[-1].to == [NEW]
    page = anonymous.get(link)
    assert page.status_code == 200
    assert NEW.encode() in page.content
    assert address_of_owner() == EMAIL, "a program that opens links does not press buttons"
    assert press(anonymous, link).status_code == 200
    me = anonymous.signed_in(NEW).get("/api/me/").json()
    assert (me["email"], me["email_verified"]) == (NEW, True)
    assert ask(anonymous).status_code == 401


def test_the_old_address_is_told(owner):
    ask(owner)
    assert send_last("users.new_email_notice") == 1
    assert mail.outbox[-1].to == [EMAIL]
    for body in (mail.outbox[-1].body, mail.outbox[-1].alternatives[0].content):
        assert NEW in body
        assert "http://acme.localhost:8000/forgotten-password/" in body


def test_tokens_that_carry_the_old_address_are_void_and_the_login_goes_on(owner, anonymous):
    press(anonymous, asked_link(owner))
    assert owner.get("/api/me/").status_code == 401
    pair = owner.post("/api/auth/refresh/", {"refresh": owner.refresh})
    assert pair.status_code == 200
    assert Api(owner.host, pair.json()["access"]).get("/api/me/").json()["email"] == NEW


def test_it_takes_the_password(owner):
    refused = ask(owner, password="wrong")
    assert (refused.status_code, code(refused)) == (400, "wrong_password")
    assert address_of_owner() == EMAIL


def test_a_free_and_a_taken_address_get_the_same_answer(owner, member):
    member("staff")
    free, taken = ask(owner), ask(owner, "staff@acme.example")
    assert (free.status_code, free.content) == (taken.status_code, taken.content)
    # The person there is not bothered, and nothing can be confirmed.
    assert send_last("users.new_email") == 0


def test_a_link_works_once_even_if_the_address_is_changed_back(owner, anonymous):
    link = asked_link(owner)
    assert press(anonymous, link).status_code == 200
    back = asked_link(anonymous.signed_in(NEW), EMAIL)
    assert press(anonymous, back).status_code == 200
    for used in (link, back):
        assert anonymous.get(used).status_code == 404
        assert press(anonymous, used).status_code == 404
    assert address_of_owner() == EMAIL


@pytest.mark.parametrize("what", ["forged", "expired", "password", "deactivated", "taken"])
def test_a_link_is_void_once_something_has_changed(owner, anonymous, what):
    link = asked_link(owner)
    me = User.objects.filter(email=EMAIL)
    when = timezone.now()
    if what == "forged":
        link = link[:-4] + "xxx/"
    elif what == "expired":
        when += timezone.timedelta(days=1, seconds=5)
    elif what == "password":
        body = {"old": PASSWORD, "new": "another horse 8"}
        assert owner.post("/api/me/password/", body).status_code == 204
    elif what == "deactivated":
        me.update(is_active=False)
    else:
        User.objects.create_member(NEW, PASSWORD, role="customer")
    with time_machine.travel(when, tick=True):
        assert press(anonymous, link).status_code == 404
    assert me.exists()


def test_a_password_changed_before_the_mail_was_sent_stops_it(owner):
    ask(owner)
    owner.post("/api/me/password/", {"old": PASSWORD, "new": "another horse 8"})
    assert send_last("users.new_email") == 0


def test_a_link_of_another_portal_is_refused(owner, globex):
    link = asked_link(owner)
    [row] = User.objects.filter(email=EMAIL).values()
    with tenant_scope(globex):
        User.objects.create(**row)
        assert press(Api(globex.primary_host), link).status_code == 404


def test_of_two_links_used_at_once_one_wins(portal):
    tenant = portal()
    with tenant_scope(tenant):
        user = User.objects.get()
        tokens = [make_token("new-email", user, f"n{n}@x.example") for n in range(8)]

    def use(token: str) -> bool:
        try:
            with tenant_scope(tenant):
                confirm_change(token)
            return True
        except LinkInvalid:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, tokens)) == [False] * 7 + [True]


def test_a_page_takes_no_button_of_another_site(owner, acme):
    link = asked_link(owner)
    client = Client(headers={"host": acme.primary_host}, enforce_csrf_checks=True)
    with no_scope():
        assert client.post(link).status_code == 403
    assert address_of_owner() == EMAIL
