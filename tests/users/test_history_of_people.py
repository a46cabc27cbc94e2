"""What happens to people past ``save()`` is in the history, too, and none of their secrets."""

from datetime import timedelta

from django.utils import timezone

from tenant_apps.history.models import Change
from tenant_apps.users.models import Invitation, User
from tests.api import PASSWORD
from tests.users.links import mailed_link, token_of
from tests.users.test_invitations import CHOSEN, NEW, ask, come, invited, last_token

OWNER = "owner@acme.example"


def last(one: object) -> tuple[str | None, dict[str, object]]:
    change = Change.objects.of(one).first()
    return change.actor_email, change.changes


def test_another_password_is_recorded_without_it(owner):
    body = {"old": PASSWORD, "new": CHOSEN}
    assert owner.post("/api/me/password/", body).status_code == 204
    assert last(User.objects.get(email=OWNER)) == (OWNER, {"password": ["***", "***"]})


def test_another_address_is_recorded(owner, anonymous):
    body = {"email": "new@x.example", "password": PASSWORD}
    assert owner.post("/api/me/email/", body).status_code == 202
    token = token_of(mailed_link("users.new_email"))
    assert anonymous.request("post", f"/confirm-new-email/{token}/", {}).status_code == 200
    [change, *_] = Change.objects.of(User.objects.get(email="new@x.example"))
    assert change.changes["email"] == [OWNER, "new@x.example"]


def test_an_invitation_is_recorded_from_the_first_to_the_last(owner, anonymous):
    invitation = invited(owner)
    path = f"/api/invitations/{invitation.pk}/"
    assert owner.post(f"{path}resend/").status_code == 200
    who, fields = last(invitation)
    assert (who, set(fields)) == (OWNER, {"expires_at"})
    assert owner.post(f"{path}revoke/").status_code == 204
    who, fields = last(invitation)
    assert (who, set(fields), fields["revoked_at"][0]) == (OWNER, {"revoked_at"}, None)
    again = invited(owner)
    assert come(anonymous, last_token()).status_code == 201
    who, fields = last(again)
    assert (who, set(fields)) == (None, {"accepted_at"})


def test_an_expired_invitation_that_another_replaces_is_recorded(owner):
    old = invited(owner)
    Invitation.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert ask(owner, NEW).status_code == 201
    assert set(last(old)[1]) == {"revoked_at"}
