"""What every answer tells browsers and caches."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api import Api

ROOT = Path(__file__).resolve().parents[1]
PATHS = ["/", "/sign-in/", "/admin/login/", "/api/docs/", "/api/products/", "/api/me/", "/nowhere/"]


def policy(answer) -> dict[str, str]:
    header = answer["Content-Security-Policy"]
    return dict(part.strip().partition(" ")[::2] for part in header.split(";"))


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_forbids_framing_sniffing_and_foreign_scripts(anonymous, path):
    answer = anonymous.get(path)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    rules = policy(answer)
    assert rules["default-src"] == "'self'"
    assert (rules["object-src"], rules["base-uri"]) == ("'none'", "'none'")
    assert rules["frame-ancestors"] == "'none'"
    assert "'unsafe-inline'" not in rules["script-src"]
    assert "http" not in rules["script-src"]
    assert ("'unsafe-eval'" in rules["script-src"]) == path.startswith("/admin/")


def test_an_unknown_host_is_answered_with_the_same_headers(db):
    answer = Api("nobody.localhost").get("/")
    assert answer.status_code == 404
    assert policy(answer)["default-src"] == "'self'"


def test_no_cache_keeps_what_was_answered_to_a_person(owner, anonymous):
    for answer in (
        owner.get("/api/me/"),
        owner.get("/api/products/"),
        anonymous.post("/api/auth/login/"),
    ):
        assert answer["Cache-Control"] == "private, no-store"
    shared = anonymous.get("/api/products/")
    assert "Cache-Control" not in shared
    for answer in (shared, owner.get("/api/me/")):
        assert {"Authorization", "Cookie"} <= set(answer["Vary"].split(", "))


def test_cookies_are_this_hosts_alone(anonymous):
    anonymous.get("/admin/login/")
    for cookie in anonymous.client.cookies.values():
        assert cookie["domain"] == ""
        assert cookie["samesite"] == "Lax"


@pytest.fixture(scope="module")
def production() -> dict[str, object]:
    """Return production's settings as a fresh process reads them."""
    names = [
        "SESSION_COOKIE_NAME",
        "CSRF_COOKIE_NAME",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SESSION_COOKIE_DOMAIN",
        "CSRF_COOKIE_DOMAIN",
        "CSRF_TRUSTED_ORIGINS",
        "SECURE_HSTS_SECONDS",
        "SECURE_HSTS_INCLUDE_SUBDOMAINS",
        "SECURE_SSL_REDIRECT",
        "DEBUG",
        "USE_X_FORWARDED_HOST",
        "SESSION_COOKIE_HTTPONLY",
        "SESSION_ENGINE",
    ]
    code = f"from django.conf import settings as s; print({{n: getattr(s, n) for n in {names}}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "DJANGO_SECRET_KEY": "k" * 60,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return eval(done.stdout)  # noqa: S307  # what our own process printed


def test_production_has_host_cookies_and_no_wildcard_origins(production):
    assert production["SESSION_COOKIE_NAME"] == "__Host-sessionid"
    assert production["CSRF_COOKIE_NAME"] == "__Host-csrftoken"
    assert production["SESSION_COOKIE_SECURE"]
    assert production["CSRF_COOKIE_SECURE"]
    assert production["SESSION_COOKIE_HTTPONLY"]
    assert production["SESSION_COOKIE_DOMAIN"] is None
    assert production["CSRF_COOKIE_DOMAIN"] is None
    assert production["CSRF_TRUSTED_ORIGINS"] == []
    assert production["SESSION_ENGINE"].endswith("backends.db")


def test_production_is_https_only(production):
    assert production["SECURE_SSL_REDIRECT"]
    assert production["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert production["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    assert not production["DEBUG"]
    assert not production["USE_X_FORWARDED_HOST"]
