"""Invitations and logins in the admin, within the reach of who looks at them."""

import pytest

from tenant_apps.users.models import Invitation, RefreshFamily, Role, User
from tests.api import PASSWORD, Admin, Api, count_queries
from tests.users.links import mailed_link, send_last, token_of

NEW = "new@guest.example"
LIST = "/admin/users/invitation/"


def role(code: str) -> Role:
    return Role.objects.get(code=code)


def ask(admin: Admin, email: str = NEW, code: str = "staff"):
    return admin.post(f"{LIST}add/", {"email": email, "roles": [role(code).pk]})


def act(admin: Admin, action: str, invitation: Invitation) -> bytes:
    body = {"action": action, "_selected_action": str(invitation.pk)}
    assert admin.post(LIST, body).status_code == 302
    return admin.get(LIST).content


def test_somebody_is_invited_and_comes(admin, anonymous):
    assert ask(admin, "New@Guest.example").status_code == 302
    invitation = Invitation.objects.get()
    assert (invitation.email, [r.name for r in invitation.roles.all()]) == (NEW, ["Staff"])
    assert invitation.invited_by.email == "owner@acme.example"
    page = admin.get(LIST).content
    for text in (NEW, "Staff", "Open", "owner@acme.example"):
        assert text.encode() in page
    body = {"token": token_of(mailed_link("users.invitation")), "name": "N", "password": PASSWORD}
    assert anonymous.post("/api/invitations/accept/", body).status_code == 201
    assert b"Accepted" in admin.get(LIST).content


@pytest.mark.parametrize(
    ("email", "code", "why"),
    [
        ("owner@acme.example", "staff", b"is a person of this portal"),
        ("there@x.example", "staff", b"was invited before"),
        (NEW, "owner", b"not one of the available choices"),
    ],
)
def test_what_cannot_be_invited_is_told_on_the_page(as_role, email, code, why):
    admin = as_role("admin")
    assert ask(admin, "there@x.example").status_code == 302
    refused = ask(admin, email, code)
    assert (refused.status_code, why in refused.content) == (200, True)
    assert Invitation.objects.count() == 1


def test_an_invitation_is_sent_again_and_revoked_by_actions(admin):
    ask(admin)
    invitation = Invitation.objects.get()
    first = mailed_link("users.invitation")
    assert b"was sent again" in act(admin, "resend", invitation)
    assert mailed_link("users.invitation") != first
    assert b"was revoked" in act(admin, "revoke", invitation)
    assert b"was accepted or revoked" in act(admin, "revoke", invitation)
    assert b"was accepted or revoked" in act(admin, "resend", invitation)
    assert send_last("users.invitation") == 0


def test_an_invitation_beyond_ones_reach_is_left_alone(admin, as_role):
    ask(admin, NEW, "owner")
    invitation = Invitation.objects.get()
    below = as_role("admin")
    for action in ("resend", "revoke"):
        assert b"can neither give nor take: Owner" in act(below, action, invitation)
    invitation.refresh_from_db()
    assert (invitation.state, invitation.serial) == ("open", 1)


def test_nobody_else_sees_them_and_nobody_changes_one(admin, as_role):
    ask(admin)
    path = f"{LIST}{Invitation.objects.get().pk}/"
    manager = as_role("manager")
    for page in (LIST, f"{LIST}add/", f"{path}change/"):
        assert manager.get(page).status_code == 403
    assert admin.get(f"{path}change/").status_code == 200
    assert admin.post(f"{path}change/", {"email": "x@x.example"}).status_code == 403
    assert admin.get(f"{path}delete/").status_code == 403
    assert Invitation.objects.get().email == NEW


def test_the_list_costs_the_same_for_one_and_for_many(admin):
    def queries() -> int:
        admin.get(LIST)  # shows what was said about what was done before
        return count_queries(lambda: admin.get(LIST))

    ask(admin)
    few = queries()
    for number in range(12):
        ask(admin, f"g{number}@x.example")
    assert queries() == few


def test_a_persons_page_lists_their_logins_and_an_action_ends_them(admin, acme):
    person = User.objects.create_member("p@x.example", PASSWORD, role="staff")
    api = Api(acme.primary_host).signed_in("p@x.example")
    session = Admin(acme.primary_host, person)
    RefreshFamily.objects.filter(user=person).update(user_agent="Phone 1")
    page = f"/admin/users/user/{person.pk}/change/"
    assert admin.get(page).content.count(b"Phone 1") == 2
    body = {"action": "end_logins", "_selected_action": str(person.pk)}
    assert admin.post("/admin/users/user/", body).status_code == 302
    assert api.get("/api/me/").status_code == 401
    assert session.get("/admin/").status_code == 302
    assert b"Phone 1" not in admin.get(page).content


def test_the_logins_of_those_who_outrank_one_go_on(as_role, owner):
    admin = as_role("admin")
    boss = User.objects.get(email="owner@acme.example")
    body = {"action": "end_logins", "_selected_action": str(boss.pk)}
    admin.post("/admin/users/user/", body)
    assert b"outranks you" in admin.get("/admin/users/user/").content
    assert owner.get("/api/me/").status_code == 200


def test_ones_own_new_password_in_the_admin_ends_every_login(acme, anonymous):
    person = User.objects.create_member("p@x.example", PASSWORD, role="staff")
    api, session = anonymous.signed_in("p@x.example"), Admin(acme.primary_host, person)
    new = "another horse 8"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    wrong = session.post("/admin/password_change/", form | {"old_password": "wrong"})
    assert wrong.status_code == 200
    assert api.get("/api/me/").status_code == 200
    assert session.post("/admin/password_change/", form).status_code == 302
    assert api.get("/api/me/").status_code == 401
    assert anonymous.signed_in("p@x.example", new)
