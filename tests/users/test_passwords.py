"""Changing one's password, and a new one by mail: other logins end, nobody is told who is there."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from shared_apps.tenants.scope import no_scope, tenant_scope
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.users.links import make_token
from tenant_apps.users.models import RefreshFamily, User
from tenant_apps.users.passwords.changing import ChangedMeanwhile, change_password
from tenant_apps.users.tokens import LoginRefused, open_login
from tests.api import PASSWORD, Admin, Api, code
from tests.users.links import mailed_link, send_last, token_of

EMAIL = "owner@acme.example"
CHOSEN = "another horse 8"


def change(api: Api, old: str = PASSWORD, new: str = CHOSEN):
    return api.post("/api/me/password/", {"old": old, "new": new})


def ask(api: Api, email: str = EMAIL):
    return api.post("/api/auth/password-reset/", {"email": email})


def confirm(api: Api, token: str, password: str = CHOSEN):
    return api.post("/api/auth/password-reset/confirm/", {"token": token, "password": password})


def asked_token(api: Api, email: str = EMAIL) -> str:
    assert ask(api, email).status_code == 202
    return token_of(mailed_link("users.reset_password"))


def is_in(api: Api) -> bool:
    status = api.get("/api/me/").status_code
    assert status in (200, 401)
    return status == 200


def test_a_changed_password_ends_every_other_login_and_not_this_one(owner, anonymous):
    others = [anonymous.signed_in(EMAIL), anonymous.signed_in(EMAIL)]
    session = Admin(owner.host, User.objects.get(email=EMAIL))
    assert change(owner).status_code == 204
    assert is_in(owner)
    assert owner.post("/api/auth/refresh/", {"refresh": owner.refresh}).status_code == 200
    assert [is_in(other) for other in others] == [False, False]
    for other in others:
        answer = other.post("/api/auth/refresh/", {"refresh": other.refresh})
        assert answer.status_code == 401
    assert session.get("/admin/").status_code == 302
    refused = anonymous.post("/api/auth/login/", {"email": EMAIL, "password": PASSWORD})
    assert refused.status_code == 401
    assert anonymous.signed_in(EMAIL, CHOSEN)


def test_the_password_is_changed_by_whoever_knows_it_only(owner):
    refused = change(owner, old="wrong")
    assert (refused.status_code, code(refused)) == (400, "wrong_password")
    assert refused.json()["errors"][0]["attr"] == "old"
    assert User.objects.get(email=EMAIL).check_password(PASSWORD)


@pytest.mark.parametrize(
    ("new", "why"),
    [("short", "min_length"), ("1234567890", "weak_password"), ("qwertyuiop", "weak_password")],
)
def test_a_weak_password_is_refused_wherever_one_is_chosen(owner, anonymous, new, why):
    token = asked_token(anonymous)
    for refused in (change(owner, new=new), confirm(anonymous, token, new)):
        assert (refused.status_code, code(refused)) == (400, why)
    assert User.objects.get(email=EMAIL).check_password(PASSWORD)
    assert confirm(anonymous, token).status_code == 204


def test_a_browsers_session_goes_on_where_the_password_was_changed_in_it(acme):
    person = User.objects.create_member("p@x.example", PASSWORD, role="staff")
    here, elsewhere = Admin(acme.primary_host, person), Admin(acme.primary_host, person)
    with no_scope():
        body = {"old": PASSWORD, "new": CHOSEN}
        answer = here.client.post("/api/me/password/", body, content_type="application/json")
    assert answer.status_code == 204
    assert here.get("/api/me/").status_code == 200
    assert elsewhere.get("/api/me/").status_code == 401


def test_a_password_that_was_changed_by_token_makes_no_session(owner):
    assert "sessionid" not in change(owner).cookies


def test_of_two_changes_at_once_one_wins(acme):
    first, second = (User.objects.get(email=EMAIL) for _ in range(2))
    change_password(user=first, new=CHOSEN, login=None)
    with pytest.raises(ChangedMeanwhile):
        change_password(user=second, new="a third horse 7", login=None)
    assert User.objects.get(email=EMAIL).check_password(CHOSEN)


def test_a_login_that_was_under_way_while_the_password_changed_is_refused(portal):
    """It read the old password, and would come to be after the others were ended."""
    tenant = portal()
    with tenant_scope(tenant):
        user, read_before = User.objects.get(), User.objects.get()
        change_password(user=user, new=CHOSEN, login=None)
        with pytest.raises(LoginRefused):
            open_login(read_before)
        assert not RefreshFamily.objects.filter(revoked_at=None).exists()


def test_a_mailed_link_sets_a_password_and_ends_every_login(owner, anonymous):
    session = Admin(owner.host, User.objects.get(email=EMAIL))
    token = asked_token(anonymous)
    assert mail.outbox[-1].to == [EMAIL]
    assert confirm(anonymous, token).status_code == 204
    assert not is_in(owner)
    assert owner.post("/api/auth/refresh/", {"refresh": owner.refresh}).status_code == 401
    assert session.get("/admin/").status_code == 302
    assert anonymous.signed_in(EMAIL, CHOSEN).get("/api/me/").json()["email_verified"] is True


def test_known_unknown_and_deactivated_addresses_get_the_same_answer(anonymous, member):
    member("staff")
    User.objects.filter(email="staff@acme.example").update(is_active=False)
    emails = (EMAIL, EMAIL.upper(), "nobody@acme.example", "staff@acme.example")
    answers, mails = [], []
    for email in emails:
        answers.append(ask(anonymous, email))
        mails.append(send_last("users.reset_password"))
    assert {a.status_code for a in answers} == {202}
    assert len({a.content for a in answers}) == 1
    assert mails == [1, 1, 0, 0]
    assert OutboxEntry.objects.filter(kind="users.reset_password").count() == len(emails)


def test_used_expired_forged_and_outdated_links_get_the_same_answer(owner, anonymous, member):
    member("staff")
    tokens = {"unknown": "nonsense", "used": asked_token(anonymous, "staff@acme.example")}
    assert confirm(anonymous, tokens["used"]).status_code == 204
    with time_machine.travel(timezone.now() - timedelta(hours=1, seconds=5)):
        tokens["expired"] = make_token("reset-password", User.objects.get(email=EMAIL))
    tokens["forged"] = asked_token(anonymous)[:-3] + "xxx"
    tokens["of an old password"] = asked_token(anonymous)
    assert change(owner).status_code == 204
    answers = {name: confirm(anonymous, token) for name, token in tokens.items()}
    assert {name: a.status_code for name, a in answers.items()} == dict.fromkeys(tokens, 404)
    assert len({a.content for a in answers.values()}) == 1
    assert code(answers["used"]) == "link_invalid"
    assert User.objects.get(email=EMAIL).check_password(CHOSEN)


def test_a_link_of_another_portal_is_refused(anonymous, globex):
    token = asked_token(anonymous)
    [row] = User.objects.filter(email=EMAIL).values()
    # Even to a person who is the same there, down to the hash of the password.
    with tenant_scope(globex):
        User.objects.create(**row)
    assert confirm(Api(globex.primary_host), token).status_code == 404
    assert confirm(anonymous, token).status_code == 204


def test_a_deactivated_person_cannot_use_their_link(anonymous, acme):
    token = asked_token(anonymous)
    User.objects.filter(email=EMAIL).update(is_active=False)
    assert confirm(anonymous, token).status_code == 404
    assert anonymous.get(f"/reset-password/{token}/").status_code == 404


def test_a_link_for_something_else_is_refused(anonymous, acme):
    person = User.objects.get(email=EMAIL)
    token = make_token("new-email", person, "new@x.example")
    assert confirm(anonymous, token).status_code == 404
    assert anonymous.get(f"/confirm-new-email/{token}/").status_code == 200


def test_of_two_who_use_a_link_at_once_one_wins(portal):
    tenant = portal()
    with tenant_scope(tenant):
        token = make_token("reset-password", User.objects.get())

    def use(number: int) -> int:
        try:
            return confirm(
                Api(tenant.primary_host), token, f"a horse of number {number}"
            ).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(use, range(16)))
    assert statuses == [204] + [404] * 15


def test_the_pages_work_without_javascript(anonymous, acme):
    page = anonymous.get("/forgotten-password/")
    assert page.status_code == 200
    assert b'autocomplete="username"' in page.content
    client = Client(headers={"host": acme.primary_host})
    with no_scope():
        assert b"/forgotten-password/" in client.get("/admin/login/").content
        assert client.post("/forgotten-password/", {"email": "no"}).status_code == 400
        assert client.post("/forgotten-password/", {}).status_code == 400
        known = client.post("/forgotten-password/", {"email": EMAIL})
    link = mailed_link("users.reset_password")
    with no_scope():
        unknown = client.post("/forgotten-password/", {"email": "nobody@acme.example"})
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
        form = client.get(link)
        assert b'autocomplete="new-password"' in form.content
        assert "no-store" in form["Cache-Control"]
        refused = client.post(link, {"password": "short"})
        assert refused.status_code == 400
        assert b"at least 10 characters" in refused.content
        assert client.post(link, {"password": CHOSEN}).status_code == 200
        assert client.get(link).status_code == 404
        assert client.post(link, {"password": CHOSEN}).status_code == 404
    assert anonymous.signed_in(EMAIL, CHOSEN)


def test_a_page_takes_no_form_of_another_site(acme, anonymous):
    client = Client(headers={"host": acme.primary_host}, enforce_csrf_checks=True)
    link = f"/reset-password/{asked_token(anonymous)}/"
    with no_scope():
        for path in ("/forgotten-password/", link):
            assert client.post(path, {"email": EMAIL, "password": CHOSEN}).status_code == 403
