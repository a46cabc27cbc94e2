"""The log: JSON lines that say whose they are, and no secret in any."""

import json
import logging

import pytest
import structlog

from config.logs import REDACTED, redact
from shared_apps.tenants.scope import no_scope
from tenant_apps.users.models import User
from tests.api import PASSWORD, Api

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def test_a_request_leaves_one_line_with_tenant_user_and_id(owner, acme, lines):
    answer = owner.get("/api/me/", headers={"X-Request-Id": "from-the-proxy-1"})
    assert answer["X-Request-Id"] == "from-the-proxy-1"
    [line] = [line for line in lines() if line["event"] == "request"]
    assert line["tenant"] == str(acme.id)
    assert line["user"] == answer.json()["id"]
    assert line["request_id"] == "from-the-proxy-1"
    assert (line["method"], line["route"], line["status"]) == ("GET", "api/me/", 200)
    assert line["level"] == "info"
    assert line["timestamp"]


def test_a_request_that_follows_has_nothing_of_the_one_before(
    owner, anonymous, public_client, lines
):
    owner.get("/api/me/")
    anonymous.get("/api/products/")
    with no_scope():
        public_client.get("/api/plans/")
    first, second, third = [line for line in lines() if line["event"] == "request"]
    assert "user" in first
    assert "user" not in second
    assert (third["tenant"], "user" in third) == ("public", False)
    assert len({line["request_id"] for line in (first, second, third)}) == 3


def test_a_link_that_is_refused_is_not_in_the_log(anonymous, lines):
    token = "WyJhYmMi:" + 43 * "y"
    assert anonymous.get(f"/files/{token}/").status_code == 404
    assert anonymous.post(f"/files/{token}/").status_code == 405
    warnings = [line for line in lines() if line["level"] == "warning"]
    assert len(warnings) == 2
    assert "WyJhYmMi" not in json.dumps(warnings)


def test_the_admins_lines_name_the_person_of_the_session(admin, lines):
    admin.get("/admin/")
    [line] = [line for line in lines() if line["event"] == "request"]
    assert line["user"] == str(User.objects.get(email="owner@acme.example").pk)


@pytest.mark.parametrize("given", ["x" * 65, "a b c d e", "short", "né-ascii-abc", "<script>alert"])
def test_a_request_id_that_could_do_harm_is_replaced(anonymous, given):
    assert anonymous.get("/", headers={"X-Request-Id": given})["X-Request-Id"] != given


@pytest.mark.parametrize("secret", ["sk_test_1234567890", "fh_live_abcdefgh12345678"])
def test_a_secret_sent_as_a_request_id_is_not_in_the_log(anonymous, lines, secret):
    anonymous.get("/api/products/", headers={"X-Request-Id": secret})
    [line] = [line for line in lines() if line["event"] == "request"]
    assert line["request_id"] == REDACTED
    assert secret not in json.dumps(lines())


def test_neither_password_nor_token_reaches_the_log(acme, lines):
    api = Api(acme.primary_host).signed_in("owner@acme.example")
    api.post("/api/auth/login/", {"email": "owner@acme.example", "password": "wrong secret 1"})
    api.post("/api/auth/refresh/", {"refresh": api.refresh})
    api.get("/api/me/")
    logging.getLogger("django.request").error("failed for %s", f"Bearer {api.token}")
    logging.getLogger("x").warning("body {'password': '%s'}", PASSWORD)
    structlog.get_logger("y").info(
        "mail", link="http://a.example/confirm-email/WyJhYmMi:1x:" + 43 * "y" + "/"
    )
    structlog.get_logger("y").info("see", link="http://a.example/files/WyJkZWYi:" + 43 * "z" + "/")
    text = json.dumps(lines())
    for secret in (PASSWORD, "wrong secret 1", api.token, api.refresh, "WyJhYmMi", "WyJkZWYi"):
        assert secret not in text
    assert REDACTED in text


def test_an_exception_keeps_its_traceback_and_loses_its_secrets(acme, lines):
    try:
        raise RuntimeError(f"cannot use postgres://web:hunter22@db/x with {JWT}")
    except RuntimeError:
        structlog.get_logger("z").exception("broken")
    [line] = [line for line in lines() if line["event"] == "broken"]
    assert "RuntimeError: cannot use postgres://" in line["exception"]
    assert "hunter22" not in line["exception"]
    assert JWT not in line["exception"]
    assert line["tenant"] == str(acme.id)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password1",
        "access_token",
        "refresh",
        "Authorization",
        "Set-Cookie",
        "api_key",
        "DJANGO_SECRET_KEY",
        "sessionid",
        "stripe_signature",
    ],
)
def test_what_goes_under_a_secrets_name_is_redacted(name):
    assert redact({"deep": [{name: "value"}]}) == {"deep": [{name: REDACTED}]}


@pytest.mark.parametrize(
    "text",
    [JWT, "fh_live_abcdefgh12345", "sk_live_abcdefgh", "whsec_abcdefgh1", "argon2$argon2id$v"],
)
def test_what_looks_like_a_secret_is_redacted_wherever_it_stands(text):
    assert text not in json.dumps(redact({"note": f"before {text} after", "list": [text]}))


@pytest.mark.parametrize(
    "text", ["Order 1001", "a@b.example", "http://acme.example/products/", "t_abc"]
)
def test_what_is_no_secret_is_left_alone(text):
    assert redact(text) == text
