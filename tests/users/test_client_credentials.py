"""OAuth 2.0 client credentials (RFC 6749, section 4.4): a key for a short token."""

import base64
from datetime import timedelta
from urllib.parse import urlencode

import jwt
import pytest

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.users.api_keys.issuing import issue, revoke, rotate
from tenant_apps.users.api_keys.text import read_key
from tenant_apps.users.models import ApiKey, Role, User
from tenant_apps.users.tokens import KEY_CLAIM, AccessToken
from tests.api import Api, code

GRANT = {"grant_type": "client_credentials"}


def new_key(scopes=("products:read", "orders:read"), role: str = "admin", **values):
    owner = User.objects.get(groups__role__code="owner")
    chosen = Role.objects.get(code=role)
    key, text = issue(acting=owner, name="x", role=chosen, scopes=scopes, **values)
    return key, str(key.pk), read_key(text)[1]


def ask(api: Api, form, *basic: str):
    headers = {}
    if basic:
        pair = base64.b64encode(":".join(basic).encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
    kind = "application/x-www-form-urlencoded"
    body = form if isinstance(form, str) else urlencode(form)
    return api.request("post", "/api/auth/token/", body, content_type=kind, headers=headers)


def client(key_id: str, secret: str) -> dict[str, str]:
    return GRANT | {"client_id": key_id, "client_secret": secret}


def test_a_key_gets_a_token_of_ten_minutes_with_its_scopes(anonymous):
    key, *pair = new_key()
    answer = ask(anonymous, client(*pair))
    told = answer.json()
    token = told.pop("access_token")
    assert told == {"token_type": "Bearer", "expires_in": 600, "scope": "orders:read products:read"}
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 600
    assert (claims["client_id"], claims["scope"]) == (str(key.pk), told["scope"])
    assert claims["sub"] == str(key.user_id)
    assert ApiKey.objects.get().last_used_at is not None


def test_the_key_may_come_as_http_basic_and_its_id_without_dashes(anonymous):
    key, key_id, secret = new_key()
    assert ask(anonymous, GRANT, key_id, secret).status_code == 200
    assert ask(anonymous, GRANT, key.pk.hex, secret).status_code == 200
    # A client encodes both as in a form (RFC 6749, section 2.3.1), and may do so to any character.
    encoded = ["".join(f"%{ord(each):02X}" for each in part) for part in (key_id, secret)]
    assert ask(anonymous, GRANT, *encoded).status_code == 200


def test_the_token_is_good_for_the_scopes_asked_for_alone(anonymous):
    _, *pair = new_key()
    token = ask(anonymous, client(*pair) | {"scope": "orders:read"}).json()["access_token"]
    api = Api(anonymous.host, token)
    assert api.get("/api/orders/").status_code == 200
    refused = [api.get("/api/products/"), api.post("/api/orders/", {}), api.get("/api/me/")]
    assert [code(a) for a in refused] == [
        "insufficient_scope",
        "insufficient_scope",
        "not_for_keys",
    ]


def end_key(key) -> None:
    revoke(acting=User.objects.get(groups__role__code="owner"), key=key)


def replace_key(key) -> None:
    owner = User.objects.get(groups__role__code="owner")
    rotate(acting=owner, key=key, overlap=timedelta(0))


def dismiss(key) -> None:
    User.objects.filter(pk=key.user_id).update(is_active=False)


def another_role(key) -> None:
    key.user.revoke_tokens()


def move(key) -> None:
    ApiKey.objects.filter(pk=key.pk).update(addresses=["203.0.113.0/24"])


@pytest.mark.parametrize("event", [end_key, replace_key, dismiss, another_role, move])
def test_the_token_is_void_as_soon_as_the_key_is(anonymous, event):
    key, *pair = new_key()
    api = Api(anonymous.host, ask(anonymous, client(*pair)).json()["access_token"])
    assert api.get("/api/orders/").status_code == 200
    event(key)
    assert api.get("/api/orders/").status_code == 401


def test_the_token_opens_no_neighbour(anonymous, globex):
    _, *pair = new_key()
    token = ask(anonymous, client(*pair)).json()["access_token"]
    neighbour = Api(globex.primary_host, token)
    assert neighbour.get("/api/orders/").status_code == 401
    assert ask(neighbour, client(*pair)).status_code == 401


def test_a_token_for_one_key_names_no_other_account(anonymous):
    (one, *_), (other, *_) = new_key(), new_key()
    token = AccessToken.for_key(one, one.scopes)
    assert Api(anonymous.host, str(token)).get("/api/orders/").status_code == 200
    token[KEY_CLAIM] = str(other.pk)
    assert Api(anonymous.host, str(token)).get("/api/orders/").status_code == 401


def test_whatever_is_wrong_with_the_client_the_answer_is_the_same(anonymous, globex):
    _key, key_id, secret = new_key()
    ended, *of_ended = new_key()
    end_key(ended)
    with tenant_scope(globex):
        _, *theirs = new_key()
    pairs = [(key_id, "x"), (key_id, ""), ("x", secret), ("\0", secret), of_ended, theirs]
    answers = [ask(anonymous, client(*pair)) for pair in pairs] + [ask(anonymous, GRANT)]
    assert {a.status_code for a in answers} == {401}
    assert {a.json()["error"] for a in answers} == {"invalid_client"}
    assert {a["WWW-Authenticate"] for a in answers} == {'Basic realm="api"'}
    assert {a["Cache-Control"] for a in answers} == {"no-store"}
    assert len({a.content for a in answers}) == 1
    headers = {"Authorization": "Basic %%%"}
    kind = "application/x-www-form-urlencoded"
    broken = anonymous.request(
        "post", "/api/auth/token/", urlencode(GRANT), content_type=kind, headers=headers
    )
    assert (broken.status_code, broken.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"scope": "users:read"}, "invalid_scope"),
        ({"scope": "orders:read orders:write"}, "invalid_scope"),
        ({"scope": "orders:read  products:read"}, "invalid_scope"),
    ],
)
def test_what_else_is_wrong_is_named_as_the_rfc_has_it(anonymous, change, error):
    _, *pair = new_key()
    answer = ask(anonymous, client(*pair) | change)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert set(answer.json()) == {"error", "error_description"}


def test_a_parameter_sent_twice_and_two_ways_at_once_are_refused(anonymous):
    _, *pair = new_key()
    twice = urlencode(client(*pair)) + "&grant_type=client_credentials"
    for answer in (ask(anonymous, twice), ask(anonymous, client(*pair), *pair)):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_what_the_rfc_does_not_know_is_ignored(anonymous):
    _, *pair = new_key()
    assert ask(anonymous, urlencode(client(*pair)) + "&audience=x&audience=y").status_code == 200
