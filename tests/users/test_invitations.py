"""Inviting people: a link of one use, bound to portal and address, within the inviter's reach."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import connection
from django.utils import timezone

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.users.invitations.inviting import accept, invite
from tenant_apps.users.links import LinkInvalid
from tenant_apps.users.models import Invitation, Role, User
from tests.api import PASSWORD, Api, code, count_queries
from tests.users.links import mailed_link, send_last, token_of

NEW = "new@guest.example"
CHOSEN = "another horse 8"


def ask(api: Api, email: str = NEW, *codes: str):
    roles = Role.objects.filter(code__in=codes or ("staff",))
    body = {"email": email, "roles": [str(role.uuid) for role in roles]}
    return api.post("/api/invitations/", body)


def invited(api: Api, email: str = NEW, *codes: str) -> Invitation:
    answer = ask(api, email, *codes)
    assert answer.status_code == 201, answer.content
    return Invitation.objects.get(pk=answer.json()["id"])


def last_token() -> str:
    return token_of(mailed_link("users.invitation"))


def come(api: Api, token: str, **changes: str):
    body = {"token": token, "name": "New Guest", "password": CHOSEN} | changes
    return api.post("/api/invitations/accept/", body)


def test_whoever_is_invited_comes_with_the_roles_and_a_confirmed_address(owner, anonymous):
    answer = ask(owner, " New@Guest.example", "staff", "customer")
    assert (answer.status_code, answer.json()["state"]) == (201, "open")
    assert answer.json()["email"] == NEW
    came = come(anonymous, last_token())
    assert came.status_code == 201, came.content
    assert (came.json()["email"], came.json()["role"]) == (NEW, "staff")
    assert came.json()["email_verified"] is True
    person = User.objects.get(email=NEW)
    assert sorted(person.groups.values_list("name", flat=True)) == ["Customer", "Staff"]
    assert anonymous.signed_in(NEW, CHOSEN).get("/api/me/").json()["name"] == "New Guest"
    [listed] = owner.get("/api/invitations/").json()["results"]
    assert (listed["email"], listed["state"]) == (NEW, "accepted")


def test_the_mail_names_the_portal_and_who_invites_and_can_be_sent_twice_alike(owner):
    User.objects.filter(email="owner@acme.example").update(name="Ada")
    invited(owner)
    first = mailed_link("users.invitation")
    assert mail.outbox[-1].to == [NEW]
    assert mail.outbox[-1].subject == "You are invited - Acme"
    for body in (mail.outbox[-1].body, mail.outbox[-1].alternatives[0].content):
        assert "Ada invites you to Acme" in body
        assert first in body
    # A worker died between sending and noting so: the second mail has the same link.
    entry = OutboxEntry.objects.filter(kind="users.invitation")
    entry.update(done_at=None, due_at=timezone.now())
    assert mailed_link("users.invitation") == first


def test_the_link_is_kept_as_a_digest_only(owner):
    invitation = invited(owner)
    token = last_token()
    invitation.refresh_from_db()
    assert len(invitation.digest) == 32
    signature = token.rpartition(":")[2]
    [row] = Invitation.objects.filter(pk=invitation.pk).values()
    assert signature not in str(row)
    assert signature not in str(list(OutboxEntry.objects.values()))


def test_a_link_works_once(owner, anonymous):
    invited(owner)
    token = last_token()
    assert come(anonymous, token).status_code == 201
    User.objects.filter(email=NEW).update(email="renamed@guest.example")
    again = come(anonymous, token)
    assert (again.status_code, code(again)) == (404, "link_invalid")


def test_unknown_expired_revoked_replaced_and_used_links_get_the_same_answer(owner, anonymous):
    tokens = {"unknown": "nonsense", "forged": f"{'0' * 32}-1:{'A' * 43}"}
    invited(owner, "used@x.example")
    tokens["used"] = last_token()
    assert come(anonymous, tokens["used"]).status_code == 201
    old = invited(owner, "old@x.example")
    tokens["expired"] = last_token()
    Invitation.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    gone = invited(owner, "gone@x.example")
    tokens["revoked"] = last_token()
    assert owner.post(f"/api/invitations/{gone.pk}/revoke/").status_code == 204
    anew = invited(owner, "anew@x.example")
    tokens["replaced"] = last_token()
    assert owner.post(f"/api/invitations/{anew.pk}/resend/").status_code == 200
    answers = {name: come(anonymous, token) for name, token in tokens.items()}
    assert {a.status_code for a in answers.values()} == {404}
    assert len({a.content for a in answers.values()}) == 1
    pages = {name: anonymous.get(f"/invitation/{token}/") for name, token in tokens.items()}
    assert {p.status_code for p in pages.values()} == {404}
    assert len({p.content for p in pages.values()}) == 1


def test_sent_again_it_works_anew_and_for_seven_days_from_then(owner, anonymous):
    invitation = invited(owner)
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now())
    answer = owner.post(f"/api/invitations/{invitation.pk}/resend/")
    assert (answer.status_code, answer.json()["state"]) == (200, "open")
    invitation.refresh_from_db()
    assert invitation.expires_at > timezone.now() + timedelta(days=6, hours=23)
    assert come(anonymous, last_token()).status_code == 201
    refused = owner.post(f"/api/invitations/{invitation.pk}/resend/")
    assert (refused.status_code, code(refused)) == (409, "already_there")


def test_what_was_replaced_before_it_was_sent_is_not_sent(owner):
    invitation = invited(owner)
    first = OutboxEntry.objects.get(kind="users.invitation")
    owner.post(f"/api/invitations/{invitation.pk}/resend/")
    outbox.deliver(first.pk)
    assert mail.outbox == []
    assert send_last("users.invitation") == 1


def test_a_revoked_invitation_can_be_neither_sent_nor_revoked_again(owner):
    invitation = invited(owner)
    path = f"/api/invitations/{invitation.pk}"
    assert owner.post(f"{path}/revoke/").status_code == 204
    for deed in ("resend", "revoke"):
        refused = owner.post(f"{path}/{deed}/")
        assert (refused.status_code, code(refused)) == (409, "invitation_closed")
    assert send_last("users.invitation") == 0
    # But the address can be invited anew.
    assert ask(owner).status_code == 201


def test_a_link_of_another_portal_or_another_address_is_refused(owner, anonymous, globex):
    """Even if the row were copied or its address changed."""
    invitation = invited(owner)
    token = last_token()
    [row] = Invitation.objects.filter(pk=invitation.pk).values()
    with tenant_scope(globex):
        row["invited_by_id"] = User.objects.get().pk
        Invitation.objects.create(**row)
    refused = come(Api(globex.primary_host), token)
    assert (refused.status_code, code(refused)) == (404, "link_invalid")
    Invitation.objects.filter(pk=invitation.pk).update(email="other@guest.example")
    assert come(anonymous, token).status_code == 404


def test_nobody_invites_into_a_role_beyond_their_reach(member, owner):
    admin = member("admin")
    refused = ask(admin, NEW, "owner")
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    assert not Invitation.objects.exists()
    assert ask(admin, NEW, "admin").status_code == 201
    theirs = invited(owner, "boss@x.example", "owner")
    for deed in ("resend", "revoke"):
        refused = admin.post(f"/api/invitations/{theirs.pk}/{deed}/")
        assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    theirs.refresh_from_db()
    assert (theirs.state, theirs.serial) == ("open", 1)


@pytest.mark.parametrize("change", ["dismissed", "demoted", "below what they gave"])
def test_an_invitation_is_worth_what_whoever_sent_it_is_by_then(member, owner, anonymous, change):
    admin = member("admin")
    invitation = invited(admin, NEW, "admin")
    token = last_token()
    by = User.objects.get(email="admin@acme.example")
    if change == "dismissed":
        User.objects.filter(pk=by.pk).update(is_active=False)
    elif change == "demoted":
        by.groups.set([Role.objects.get(code="staff").pk])
    else:
        clerks = Role.objects.create(name="Clerks", rank=50)
        clerks.permissions.set(Permission.objects.filter(codename="invite_user"))
        by.groups.set([clerks.pk])
    assert come(anonymous, token).status_code == 404
    assert not User.objects.filter(email=NEW).exists()
    # Somebody else may stand in for them.
    assert owner.post(f"/api/invitations/{invitation.pk}/resend/").status_code == 200
    assert come(anonymous, last_token()).status_code == 201


def test_who_is_there_or_invited_already_is_told_to_the_inviter_only(owner, anonymous):
    refused = ask(owner, "OWNER@acme.example")
    assert (refused.status_code, code(refused)) == (409, "already_there")
    invited(owner)
    refused = ask(owner)
    assert (refused.status_code, code(refused)) == (409, "already_invited")
    assert ask(anonymous).status_code == 401
    # An invitation that has run out stands in nobody's way.
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert ask(owner).status_code == 201
    assert sorted(i.state for i in Invitation.objects.all()) == ["open", "revoked"]


def test_an_address_that_became_a_persons_meanwhile_opens_nothing(owner, anonymous):
    invited(owner)
    token = last_token()
    User.objects.create_member(NEW, PASSWORD, role="customer")
    refused = come(anonymous, token)
    assert (refused.status_code, code(refused)) == (404, "link_invalid")
    assert User.objects.get(email=NEW).check_password(PASSWORD)


@pytest.mark.parametrize(
    ("changes", "attr", "why"),
    [
        ({"password": "short"}, "password", "min_length"),
        ({"password": "1234567890"}, "password", "weak_password"),
        ({"password": "qwertyuiop"}, "password", "weak_password"),
        ({"name": " "}, "name", "blank"),
        ({"role": "owner"}, "role", "unknown_field"),
        ({"email": "else@x.example"}, "email", "unknown_field"),
    ],
)
def test_bad_input_is_named_and_leaves_the_link_good(owner, anonymous, changes, attr, why):
    invited(owner)
    token = last_token()
    refused = come(anonymous, token, **changes)
    assert (refused.status_code, code(refused)) == (400, why)
    assert refused.json()["errors"][0]["attr"] == attr
    assert come(anonymous, token).status_code == 201


def test_an_invitation_needs_an_address_and_a_role(owner):
    staff = str(Role.objects.get(code="staff").uuid)
    for body in (
        {"email": NEW, "roles": []},
        {"email": "nobody", "roles": [staff]},
        {"email": NEW, "roles": [staff], "invited_by": None},
        {"email": NEW, "roles": ["0" * 8 + "-0000-0000-0000-" + "0" * 12]},
    ):
        assert owner.post("/api/invitations/", body).status_code == 400, body


def test_of_two_who_use_a_link_at_once_one_comes(portal):
    tenant = portal()
    with tenant_scope(tenant):
        owner = User.objects.get()
        roles = [Role.objects.get(code="customer")]
        token = invite(acting=owner, email=NEW, roles=roles).make_token()

    def use(number: int) -> int:
        try:
            return come(Api(tenant.primary_host), token, name=f"Guest {number}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(use, range(16)))
    assert statuses == [201] + [404] * 15
    with tenant_scope(tenant):
        assert User.objects.filter(email=NEW).count() == 1


def test_of_two_who_invite_an_address_at_once_one_does(portal):
    tenant = portal()
    owner = Api(tenant.primary_host).signed_in(f"owner@{tenant.primary_host.split('.')[0]}.example")

    def one(_: int) -> str:
        try:
            with tenant_scope(tenant):
                answer = ask(owner)
            return "invited" if answer.status_code == 201 else code(answer)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(one, range(8))) == ["already_invited"] * 7 + ["invited"]


def test_the_page_takes_name_and_password_without_javascript(owner, anonymous):
    invited(owner)
    link = mailed_link("users.invitation")
    page = anonymous.get(link)
    assert page.status_code == 200
    assert b"Welcome to Acme" in page.content
    assert b'autocomplete="new-password"' in page.content
    assert NEW.encode() in page.content
    assert "no-store" in page["Cache-Control"]
    form = {"name": "New Guest", "password": "short"}
    refused = anonymous.client.post(link, form)
    assert refused.status_code == 400
    assert b"at least 10 characters" in refused.content
    assert b'value="New Guest"' in refused.content
    done = anonymous.client.post(link, form | {"password": CHOSEN})
    assert done.status_code == 201
    assert b"Sign in to the administration" in done.content
    assert anonymous.signed_in(NEW, CHOSEN)
    assert anonymous.client.post(link, form | {"password": CHOSEN}).status_code == 404


def test_the_list_costs_the_same_for_one_invitation_and_for_many(owner):
    invited(owner)
    few = count_queries(lambda: owner.get("/api/invitations/"))
    for number in range(12):
        invited(owner, f"g{number}@x.example", "staff", "customer")
    assert count_queries(lambda: owner.get("/api/invitations/")) == few


def test_a_link_outlives_a_change_of_the_signing_key_and_is_no_better_for_it(
    owner, settings, anonymous
):
    invited(owner)
    token = last_token()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another " * 8
    assert come(anonymous, token).status_code == 201
    with pytest.raises(LinkInvalid):
        accept(token=token, name="x", password=CHOSEN)
