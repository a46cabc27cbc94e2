"""API keys in the admin: made, shown once, replaced, revoked, within one's reach."""

import re
from datetime import timedelta

from django.utils import timezone

from tenant_apps.users.models import ApiKey, Role, User
from tests.api import PASSWORD, Admin, Api

LIST = "/admin/users/apikey/"
KEY = re.compile(r"fh_dev_[0-9a-f]{32}_\w{48}")


def ask(admin: Admin, code: str = "staff", **values: object):
    form = {"name": "Till", "role": Role.objects.get(code=code).pk, "scopes": ["orders:read"]}
    return admin.post(f"{LIST}add/", form | values)


def act(admin: Admin, action: str, **form: object):
    chosen = str(ApiKey.objects.last().pk)
    return admin.post(LIST, {"action": action, "_selected_action": chosen} | form)


def status(text: str) -> int:
    return Api("acme.localhost", text).get("/api/orders/").status_code


def test_a_key_is_made_and_shown_once(admin):
    page = ask(admin, addresses="127.0.0.1, 203.0.113.0/24", expires_in_days=30)
    assert (page.status_code, "no-store" in page["Cache-Control"]) == (200, True)
    [text] = KEY.findall(page.content.decode())
    assert status(text) == 200
    key = ApiKey.objects.get()
    assert (key.scopes, key.addresses) == (["orders:read"], ["127.0.0.1", "203.0.113.0/24"])
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)
    assert [r.name for r in key.user.groups.all()] == ["Staff"]
    for path in (LIST, f"{LIST}{key.pk}/change/", f"{LIST}{key.pk}/history/"):
        again = admin.get(path)
        assert (again.status_code, b"Till" in again.content) == (200, True)
        assert text.rpartition("_")[2].encode() not in again.content


def test_a_key_is_neither_changed_nor_deleted(admin):
    ask(admin)
    key = ApiKey.objects.get()
    assert admin.post(f"{LIST}{key.pk}/change/", {"name": "Other"}).status_code == 403
    assert admin.post(f"{LIST}{key.pk}/delete/", {"post": "yes"}).status_code == 403
    act(admin, "delete_selected")
    assert ApiKey.objects.get().name == "Till"


def test_a_key_is_replaced_and_revoked_by_actions(admin):
    [old] = KEY.findall(ask(admin).content.decode())
    asked = act(admin, "revoke").content.decode()
    assert re.search(r"<li>Till, made .+ 20\d\d.+, last used: never</li>", asked)
    [new] = KEY.findall(act(admin, "rotate").content.decode())
    assert (status(old), status(new)) == (200, 200)
    ApiKey.objects.update(expires_at=None)
    assert act(admin, "revoke", confirmed="yes").status_code == 302
    assert b"was revoked" in admin.get(LIST).content
    assert sorted([status(old), status(new)]) == [200, 401]
    assert act(admin, "rotate").status_code == 302
    assert b"was revoked or has expired" in admin.get(LIST).content


def test_what_is_wrong_is_told_on_the_page(admin, as_role):
    for wrong in ({"addresses": "x"}, {"scopes": ["users:write"]}, {"expires_in_days": 0}):
        assert ask(admin, **wrong).status_code == 200
    for who in (admin, as_role("admin")):
        refused = ask(who, "owner")
        assert b"not one of the available choices" in refused.content
    assert not ApiKey.objects.exists()


def test_the_pages_are_for_those_who_manage_keys(as_role):
    manager = as_role("manager")
    assert {manager.get(path).status_code for path in (LIST, f"{LIST}add/")} == {403}
    assert ask(manager).status_code == 403
    assert not ApiKey.objects.exists()


def test_a_service_account_gets_no_password_in_the_admin(admin):
    ask(admin)
    account = User.objects.get(is_service=True)
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    assert admin.post(f"/admin/users/user/{account.pk}/password/", passwords).status_code == 403
    assert admin.get(f"/admin/users/user/{account.pk}/change/").status_code == 200
    account.refresh_from_db()
    assert not account.has_usable_password()
