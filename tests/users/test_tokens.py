"""Signing in, refreshing, signing out; tokens that open one portal."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.users.models import RefreshFamily, User
from tenant_apps.users.tokens import AccessToken, open_login, signing_key
from tests.api import PASSWORD, Api, code


def refresh(api: Api, token: str):
    return api.post("/api/auth/refresh/", {"refresh": token})


def test_a_token_carries_e_mail_and_role_and_names_its_tenant(owner, acme):
    claims = jwt.decode(owner.token, options={"verify_signature": False})
    assert claims["email"] == "owner@acme.example"
    assert claims["role"] == "owner"
    assert claims["aud"] == claims["iss"] == f"urn:tenant:{acme.id}"
    header = jwt.get_unverified_header(owner.token)
    assert (header["alg"], header["kid"]) == ("EdDSA", f"1.{acme.id}")


def test_the_e_mail_may_be_typed_in_any_case(anonymous):
    assert anonymous.signed_in("Owner@ACME.example")


@pytest.mark.parametrize(
    ("email", "password"),
    [("owner@acme.example", "wrong"), ("nobody@acme.example", PASSWORD)],
)
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(anonymous, email, password):
    answer = anonymous.post("/api/auth/login/", {"email": email, "password": password})
    assert (answer.status_code, code(answer)) == (401, "login_failed")
    assert answer.json()["errors"][0]["detail"] == "E-mail or password is wrong."


def test_a_deactivated_person_can_neither_sign_in_nor_go_on(member, anonymous):
    staff = member("staff")
    User.objects.filter(email="staff@acme.example").update(is_active=False)
    assert staff.get("/api/me/").status_code == 401
    assert refresh(staff, staff.refresh).status_code == 401
    answer = anonymous.post(
        "/api/auth/login/", {"email": "staff@acme.example", "password": PASSWORD}
    )
    assert answer.status_code == 401


def test_a_token_of_one_tenant_opens_no_other(owner, globex):
    neighbour = Api(globex.primary_host, owner.token)
    assert neighbour.get("/api/me/").status_code == 401
    assert refresh(neighbour, owner.refresh).status_code == 401
    assert Api("localhost", owner.token).get("/api/me/").status_code == 404


def test_a_token_signed_with_a_neighbours_key_or_renamed_is_refused(acme, globex, owner):
    claims = jwt.decode(owner.token, options={"verify_signature": False})
    with tenant_scope(globex):
        theirs = AccessToken()
        theirs.payload = claims
        forged = str(theirs)
    assert Api(acme.primary_host, forged).get("/api/me/").status_code == 401
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": f"1.{acme.id}"})
    assert Api(acme.primary_host, unsigned).get("/api/me/").status_code == 401
    for broken in ("x", "a.b.c", owner.token[:-3] + "AAA", owner.refresh):
        assert Api(acme.primary_host, broken).get("/api/me/").status_code == 401


@pytest.mark.parametrize("claim", ["aud", "iss"])
def test_a_token_of_our_own_key_for_another_audience_or_issuer_is_refused(
    acme, globex, owner, claim
):
    claims = jwt.decode(owner.token, options={"verify_signature": False})

    def status(changed: dict[str, str]) -> int:
        token = jwt.encode(
            claims | changed,
            signing_key(acme.id, 1),
            algorithm="EdDSA",
            headers={"kid": f"1.{acme.id}"},
        )
        return Api(acme.primary_host, token).get("/api/me/").status_code

    assert status({}) == 200
    assert status({claim: f"urn:tenant:{globex.id}"}) == 401


def test_an_expired_token_is_refused(acme, owner):
    user = User.objects.get(email="owner@acme.example")
    family = RefreshFamily.objects.filter(user=user).first()
    token = AccessToken.for_login(user, family.pk)
    token.set_exp(lifetime=timedelta(seconds=-1))
    assert Api(acme.primary_host, str(token)).get("/api/me/").status_code == 401


def test_refreshing_gives_the_next_pair_and_uses_the_token_up(owner):
    first = refresh(owner, owner.refresh)
    assert first.status_code == 200
    assert Api(owner.host, first.json()["access"]).get("/api/me/").status_code == 200
    assert refresh(owner, owner.refresh).status_code == 401
    assert refresh(owner, first.json()["refresh"]).status_code == 200


def test_a_used_token_that_comes_back_later_ends_the_login(owner):
    successor = refresh(owner, owner.refresh).json()["refresh"]
    RefreshFamily.objects.update(rotated_at=timezone.now() - timedelta(seconds=11))
    assert refresh(owner, owner.refresh).status_code == 401
    assert code(refresh(owner, successor)) == "token_not_valid"


def test_of_twenty_parallel_refreshes_one_wins(portal):
    tenant = portal()
    with tenant_scope(tenant):
        pair = open_login(User.objects.get())

    def one(_: int) -> int:
        try:
            return refresh(Api(tenant.primary_host), pair["refresh"]).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(one, range(20)))
    assert statuses == [200] + [401] * 19
    with tenant_scope(tenant):
        assert RefreshFamily.objects.get().revoked_at is None


def test_signing_out_ends_the_login(owner):
    assert owner.post("/api/auth/logout/").status_code == 204
    assert refresh(owner, owner.refresh).status_code == 401


def test_revoking_is_effective_on_the_next_request(owner):
    User.objects.get(email="owner@acme.example").revoke_tokens()
    assert owner.get("/api/me/").status_code == 401
    assert refresh(owner, owner.refresh).status_code == 401


def test_a_token_of_an_earlier_version_is_refused_though_its_login_goes_on(owner):
    User.objects.filter(email="owner@acme.example").update(token_version=F("token_version") + 1)
    assert owner.get("/api/me/").status_code == 401


def test_a_token_for_one_person_in_anothers_login_is_refused(owner, member):
    member("staff")
    staff = User.objects.get(email="staff@acme.example")
    family = RefreshFamily.objects.filter(user__email="owner@acme.example").first()
    token = AccessToken.for_login(staff, family.pk)
    assert Api(owner.host, str(token)).get("/api/me/").status_code == 401


def test_refresh_tokens_are_kept_as_digests_only(owner):
    family = RefreshFamily.objects.get(user__email="owner@acme.example", revoked_at=None)
    jti = jwt.decode(owner.refresh, options={"verify_signature": False})["jti"]
    assert len(family.current) == 32
    assert jti.encode() not in bytes(family.current)


def test_one_may_change_ones_name_but_not_ones_role_or_address(owner):
    assert owner.patch("/api/me/", {"name": "Ada"}).json()["name"] == "Ada"
    for field in ("role", "email", "is_superuser", "token_version"):
        answer = owner.patch("/api/me/", {field: "x"})
        assert (answer.status_code, code(answer)) == (400, "unknown_field")


def test_the_master_key_can_be_rotated_with_overlap(owner, settings):
    settings.JWT_MASTER_KEYS = {**settings.JWT_MASTER_KEYS, 2: b"n" * 32}
    assert owner.get("/api/me/").status_code == 200
    newer = Api(owner.host).signed_in("owner@acme.example")
    assert jwt.get_unverified_header(newer.token)["kid"].startswith("2.")
    settings.JWT_MASTER_KEYS = {2: b"n" * 32}
    assert owner.get("/api/me/").status_code == 401
    assert newer.get("/api/me/").status_code == 200


def test_passwords_are_hashed_with_argon2_outside_the_tests():
    from config.settings import base

    assert base.PASSWORD_HASHERS[0].endswith("Argon2PasswordHasher")


def test_signing_out_ends_the_access_token_too(owner):
    owner.post("/api/auth/logout/")
    assert owner.get("/api/me/").status_code == 401


def test_signing_out_of_one_device_leaves_the_other_alone(owner):
    other = Api(owner.host).signed_in("owner@acme.example")
    other.post("/api/auth/logout/")
    assert other.get("/api/me/").status_code == 401
    assert owner.get("/api/me/").status_code == 200
    assert refresh(owner, owner.refresh).status_code == 200


def test_what_changes_while_a_body_is_on_its_way_is_not_undone(member, monkeypatch):
    """A person being dismissed sends the head of a request, and its body after the dismissal."""
    staff = member("staff")
    original = User.save

    def late(self, *args, **kwargs):
        User.objects.filter(pk=self.pk).update(is_active=False, password="!", token_version=7)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(User, "save", late)
    staff.patch("/api/me/", {"name": "Still here"})
    person = User.objects.get(email="staff@acme.example")
    assert (person.is_active, person.password, person.token_version) == (False, "!", 7)
