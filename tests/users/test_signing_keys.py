"""Public keys for other services, and master keys that are replaced while tokens are about."""

import base64
from io import StringIO

import jwt
import pytest
from django.core.management import CommandError, call_command
from jwt import PyJWKClient

from config.embedded import free_port
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.users.models import User
from tenant_apps.users.tokens import open_login
from tests.api import Api
from tests.stack.running import web

JWKS = "/.well-known/jwks.json"


def rotated(*arguments: str) -> dict[int, bytes]:
    """Return the master keys that the command prints."""
    out = StringIO()
    call_command("rotate_jwt_keys", *arguments, stdout=out)
    [line] = [x for x in out.getvalue().splitlines() if x.startswith("JWT_MASTER_KEYS=")]
    items = line.partition("=")[2].split(",")
    return {int(n): base64.b64decode(key) for n, _, key in (item.partition(":") for item in items)}


def test_another_service_verifies_a_token_with_the_keys_it_fetches(portal, tmp_path):
    tenant, neighbour, port = portal(), portal(), free_port()
    with tenant_scope(tenant):
        token = open_login(User.objects.get())["access"]
    with web(port, tmp_path / "log"):

        def verified_by(host: str):
            client = PyJWKClient(f"http://127.0.0.1:{port}{JWKS}", headers={"Host": host})
            key = client.get_signing_key_from_jwt(token)
            return jwt.decode(token, key, algorithms=["EdDSA"], audience=f"urn:tenant:{tenant.id}")

        assert verified_by(tenant.primary_host)["iss"] == f"urn:tenant:{tenant.id}"
        with pytest.raises(jwt.PyJWKClientError):
            verified_by(neighbour.primary_host)


def test_every_configured_key_is_told_by_its_public_half_alone(anonymous, acme, settings):
    settings.JWT_MASTER_KEYS = {**settings.JWT_MASTER_KEYS, 2: b"n" * 32}
    answer = anonymous.get(JWKS)
    assert answer["Cache-Control"] == "public, max-age=300"
    keys = answer.json()["keys"]
    assert [key["kid"] for key in keys] == [f"2.{acme.id}", f"1.{acme.id}"]
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
        assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")


def test_the_public_host_and_unknown_hosts_have_no_keys(acme):
    assert Api("localhost").get(JWKS).status_code == 404
    assert Api("nobody.localhost").get(JWKS).status_code == 404


def test_a_new_master_key_signs_and_the_old_one_verifies_until_it_is_dropped(owner, settings):
    before = dict(settings.JWT_MASTER_KEYS)
    settings.JWT_MASTER_KEYS = rotated()
    assert before.items() < settings.JWT_MASTER_KEYS.items()
    assert len(settings.JWT_MASTER_KEYS[2]) == 32
    assert owner.get("/api/me/").status_code == 200
    newer = Api(owner.host).signed_in("owner@acme.example")
    assert jwt.get_unverified_header(newer.token)["kid"].startswith("2.")

    settings.JWT_MASTER_KEYS = rotated("--drop", "1")
    assert set(settings.JWT_MASTER_KEYS) == {2}
    assert owner.get("/api/me/").status_code == 401
    assert owner.post("/api/auth/refresh/", {"refresh": owner.refresh}).status_code == 401
    assert newer.get("/api/me/").status_code == 200


@pytest.mark.parametrize("number", ["1", "7"])
def test_the_key_that_signs_and_one_that_is_not_there_cannot_be_dropped(number):
    with pytest.raises(CommandError):
        rotated("--drop", number)
