"""System checks: each unsafe setting is told, and the settings as they are have none."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as real
from django.core.checks import run_checks

from shared_apps.tenants import development_keys
from shared_apps.tenants.checks.web import BOUND_SESSIONS, ROUTING, SESSIONS

ROOT = Path(__file__).resolve().parents[2]


def told(*, deploy: bool = False) -> dict[str, str]:
    """Return the house's own messages, by id."""
    messages = run_checks(tags=["security"], include_deployment_checks=deploy)
    return {m.id: m.msg for m in messages if str(m.id).startswith("freehold.")}


def production(**environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the deployment checks with settings that are in order, but for ``environment``.

    Nothing listens where they point. (Checks of models ask the server's version: left out.)
    """
    command = ("check", "--deploy", "--fail-level", "WARNING", "--tag", "security")
    safe = {
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "DATABASE_URL": "postgres://web@127.0.0.1:1/freehold",
        "OWNER_DATABASE_URL": "postgres://owner@127.0.0.1:1/freehold",
        "FREEHOLD_DOMAIN": "portal.example",
        "EMAIL_URL": "smtp://mail.example:25",
        "FILES_URL": "file:///nowhere",
        "DJANGO_SECRET_KEY": "-".join(map(str, range(40))),
        "JWT_MASTER_KEYS": "1:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=",
    }
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **safe, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_settings_as_they_are_break_no_rule():
    assert told() == {}


def test_check_deploy_is_clean_in_production_and_needs_no_service():
    done = production()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("environment", "told_id"),
    [
        ({"FREEHOLD_SCHEME": "http"}, "freehold.E026"),
        ({"TENANT_ROLES": "off"}, "freehold.W001"),
        ({"BEHIND_TLS_PROXY": "on"}, "freehold.W020"),
        ({"DJANGO_SECRET_KEY": development_keys.SECRET_KEY}, "freehold.E031"),
        ({"JWT_MASTER_KEYS": "1:" + "ZGRk" * 10 + "ZGQ="}, "freehold.E031"),
        ({"JWT_MASTER_KEYS": "1:c2hvcnQ="}, "freehold.E030"),
        ({"STRIPE_SECRET_KEY": "pk_test_x"}, "freehold.E040"),
        ({"STRIPE_SECRET_KEY": "sk_test_x"}, "freehold.E041"),
        ({"STRIPE_API_URL": "http://127.0.0.1:1"}, "freehold.W040"),
        ({"CACHE_URL": "redis://127.0.0.1:6379/0"}, "freehold.E012"),
        ({"OWNER_DATABASE_URL": "postgres://web@127.0.0.1:1/freehold"}, "freehold.E005"),
    ],
)
def test_check_deploy_refuses_an_unsafe_environment(environment, told_id):
    done = production(**environment)
    assert (done.returncode, told_id in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize(
    ("key", "value", "told_id"),
    [
        ("ENGINE", "django_tenants.postgresql_backend", "E001"),
        ("DISABLE_SERVER_SIDE_CURSORS", False, "E002"),
        ("CONN_MAX_AGE", 60, "E003"),
        ("OPTIONS", {"server_side_binding": True}, "E004"),
        ("OPTIONS", {"prepare_threshold": 5}, "E004"),
        ("OWNER", True, "E005"),
    ],
)
def test_a_database_that_goes_round_the_engine_is_told(monkeypatch, key, value, told_id):
    monkeypatch.setitem(real.DATABASES["default"], key, value)
    assert list(told()) == [f"freehold.{told_id}"]
    assert "default" in told()[f"freehold.{told_id}"]


def test_two_aliases_with_one_login_are_told(monkeypatch):
    monkeypatch.setitem(real.DATABASES["owner"], "USER", real.DATABASES["default"]["USER"])
    assert list(told()) == ["freehold.E005"]


def cache(**values: Any) -> dict[str, Any]:
    return {"default": {**real.CACHES["default"], **values}}


def jwt(**values: Any) -> dict[str, Any]:
    return {**real.SIMPLE_JWT, **values}


def api(**values: Any) -> dict[str, Any]:
    return {**real.REST_FRAMEWORK, **values}


def without(name: str) -> list[str]:
    return [entry for entry in real.MIDDLEWARE if entry != name]


@pytest.mark.parametrize(
    ("name", "value", "told_id"),
    [
        ("DATABASE_ROUTERS", [], "E006"),
        ("CACHES", cache(KEY_FUNCTION="django_tenants.cache.make_key"), "E010"),
        ("CACHES", cache(REVERSE_KEY_FUNCTION=None), "E010"),
        ("CACHES", cache(OPTIONS={}), "E011"),
        ("CACHES", cache(OPTIONS={"SERIALIZER": "a.pickle.PickleSerializer"}), "E011"),
        ("CACHES", cache(LOCATION=real.CELERY_BROKER_URL), "E012"),
        ("CELERY_ACCEPT_CONTENT", ["json", "pickle"], "E013"),
        ("CELERY_TASK_SERIALIZER", "pickle", "E013"),
        ("CELERY_TASK_ACKS_LATE", False, "E014"),
        ("CELERY_TASK_REJECT_ON_WORKER_LOST", False, "E014"),
        ("CELERY_TASK_TIME_LIMIT", 7200, "E015"),
        ("SESSION_ENGINE", "django.contrib.sessions.backends.signed_cookies", "E020"),
        ("SESSION_COOKIE_DOMAIN", ".portal.example", "E021"),
        ("CSRF_COOKIE_DOMAIN", ".portal.example", "E021"),
        ("CSRF_TRUSTED_ORIGINS", ["https://*.portal.example"], "E022"),
        ("CSRF_TRUSTED_ORIGINS", ["http://acme.localhost:8000"], "E022"),
        ("USE_X_FORWARDED_HOST", True, "E023"),
        ("MIDDLEWARE", [*without(ROUTING), ROUTING], "E024"),
        ("MIDDLEWARE", [BOUND_SESSIONS, *without(BOUND_SESSIONS)], "E024"),
        ("MIDDLEWARE", without(SESSIONS), "E024"),
        ("STRIPE_SECRET_KEY", "whsec_x", "E040"),
        ("JWT_MASTER_KEYS", {}, "E030"),
        ("JWT_MASTER_KEYS", {1: b"k" * 31}, "E030"),
        ("SIMPLE_JWT", jwt(ALGORITHM="HS256"), "E032"),
        ("SIMPLE_JWT", jwt(ACCESS_TOKEN_LIFETIME=timedelta(days=1)), "E032"),
        ("SIMPLE_JWT", jwt(REFRESH_TOKEN_LIFETIME=timedelta(days=365)), "E032"),
        ("SIMPLE_JWT", jwt(LEEWAY=600), "E032"),
        ("REST_FRAMEWORK", api(DEFAULT_PERMISSION_CLASSES=[]), "E033"),
        (
            "REST_FRAMEWORK",
            api(DEFAULT_PERMISSION_CLASSES=["rest_framework.permissions.AllowAny"]),
            "E033",
        ),
        (
            "REST_FRAMEWORK",
            api(DEFAULT_RENDERER_CLASSES=["rest_framework.renderers.BrowsableAPIRenderer"]),
            "E034",
        ),
    ],
)
def test_an_unsafe_setting_is_told(settings, name, value, told_id):
    setattr(settings, name, value)
    assert f"freehold.{told_id}" in told()


def test_a_broker_of_another_name_or_number_is_not_the_caches(settings):
    for url in ("redis://127.0.0.2:6379/1", "redis://127.0.0.1:6380/1", "amqp://127.0.0.1:6379/1"):
        settings.CELERY_BROKER_URL = url
        settings.CACHE_URL = "redis://127.0.0.1:6379/1"
        settings.CACHES = cache(LOCATION="redis://127.0.0.1:6379/1")
        assert told() == {}
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:6379?db=1"
    assert list(told()) == ["freehold.E012"]


def test_what_is_unsafe_in_the_open_is_asked_in_deployment_alone(settings):
    assert {"freehold.E025", "freehold.E026", "freehold.E031"} <= set(told(deploy=True))
    settings.SESSION_COOKIE_NAME = "__Host-sessionid"
    settings.CSRF_COOKIE_NAME = "__Host-csrftoken"
    settings.FREEHOLD_SCHEME = "https"
    settings.SECRET_KEY = "another"
    settings.JWT_MASTER_KEYS = {1: b"k" * 32}
    assert told(deploy=True) == {}
