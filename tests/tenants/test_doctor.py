"""The doctor as a command, and on the services around the schemas."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import redis as redis_client
from django.db import connections

from config.embedded import WEB, free_port, redis, services
from shared_apps.tenants.diagnosis import redis_servers, server
from shared_apps.tenants.diagnosis.finding import NotExamined
from shared_apps.tenants.scope import catalogue_scope
from tests.pgbouncer import owner_url, pgbouncer, web_url
from tests.scratch import scratch_folder
from tests.tenants.breaking import lines, superuser

ROOT = Path(__file__).resolve().parents[2]


def doctor(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return manage(environment, "doctor", *arguments)


def manage(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


# --- an installation of its own, as an operator makes one ---------------------------------------


@pytest.fixture(scope="module")
def installation() -> Iterator[dict[str, str]]:
    """Yield the environment of a healthy installation with production settings."""
    folder = scratch_folder("doctor")
    with services(folder, durable=True) as places:
        environment = {
            "PATH": os.environ["PATH"],
            **places,
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "FREEHOLD_DOMAIN": "portal.example",
            "EMAIL_URL": "smtp://mail.example:25",
            "FILES_URL": "file:///nowhere",
            "DJANGO_SECRET_KEY": "-".join(map(str, range(40))),
            "JWT_MASTER_KEYS": "1:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=",
            "POOL_SIZE": "2",
        }
        for step in ("migrate", "--verbosity", "0"), ("keep_pool", "--once"), ("load_demo",):
            done = manage(environment, *step)
            assert done.returncode == 0, done.stderr
        yield environment
    shutil.rmtree(folder, ignore_errors=True)


def test_a_healthy_installation_has_no_finding_and_exits_0(installation):
    done = doctor(installation)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Errors: 0. Warnings: 0. Not made: 0." in done.stdout
    assert len(re.findall("^ok ", done.stdout, re.MULTILINE)) == 18
    assert "error" not in done.stdout.lower().replace("errors: 0", "")


def test_an_error_is_told_with_what_to_do_in_red_and_exits_1(installation):
    owner = installation["OWNER_DATABASE_URL"]
    superuser(f"GRANT pg_read_all_data TO {WEB}", owner)
    try:
        done = doctor(installation, "--force-color")
    finally:
        superuser(f"REVOKE pg_read_all_data FROM {WEB}", owner)
    assert done.returncode == 1
    assert f"\x1b[31;1merror   \x1b[0m {WEB}: is a member of pg_read_all_data" in done.stdout
    assert f"REVOKE pg_read_all_data FROM {WEB}" in done.stdout
    assert "\x1b[32;1mok      \x1b[0m" in done.stdout
    assert "Errors: 1. Warnings: 0." in done.stdout


def test_a_warning_alone_exits_0(installation):
    owner = installation["OWNER_DATABASE_URL"]
    superuser("CREATE ROLE t_orphanorphan", owner)
    try:
        done = doctor(installation)
    finally:
        superuser("DROP ROLE t_orphanorphan", owner)
    assert (done.returncode, "Errors: 0. Warnings: 1." in done.stdout) == (0, True), done.stdout


def test_an_unsafe_setting_is_an_error_in_the_open_and_a_warning_on_localhost(installation):
    plain = {**installation, "FREEHOLD_SCHEME": "http"}
    done = doctor(plain)
    assert (done.returncode, "error    freehold.E026" in done.stdout) == (1, True)
    done = doctor({**plain, "FREEHOLD_DOMAIN": "localhost"})
    assert "warning  freehold.E026" in done.stdout
    # The setting alone: the demo portals' hosts are those of the other domain, and stay.
    assert done.returncode == 0, done.stdout


def test_a_setting_that_is_wrong_everywhere_is_an_error_on_localhost_too(installation):
    done = doctor({**installation, "FREEHOLD_DOMAIN": "localhost", "JWT_MASTER_KEYS": "1:c2hvcnQ="})
    assert (done.returncode, "error    freehold.E030" in done.stdout) == (1, True)


def test_without_the_owner_login_it_says_what_it_could_not_look_at(installation):
    done = doctor({n: v for n, v in installation.items() if n != "OWNER_DATABASE_URL"})
    assert done.returncode == 0, done.stdout
    assert "not made Grants are neither missing nor too many: OWNER_DATABASE_URL" in done.stdout
    assert "Errors: 0. Warnings: 0. Not made: 11." in done.stdout


def test_a_database_out_of_reach_is_told_once_and_stops_nothing_else(installation):
    nowhere = f"postgres://{WEB}@127.0.0.1:{free_port()}/freehold"
    done = doctor({**installation, "DATABASE_URL": nowhere, "DB_POOL_SIZE": "0"})
    assert done.returncode == 1
    assert done.stdout.count("connection default: cannot be reached") == 1
    assert "ok       Tables, columns and constraints" in done.stdout
    assert "ok       The broker answers" in done.stdout


def test_a_database_that_was_never_migrated_is_told(installation):
    owner = installation["OWNER_DATABASE_URL"]
    superuser("CREATE DATABASE empty OWNER freehold_owner", owner)
    empty = {
        name: installation[name].replace("/freehold?", "/empty?")
        for name in ("DATABASE_URL", "OWNER_DATABASE_URL")
    }
    try:
        done = doctor({**installation, **empty})
    finally:
        superuser("DROP DATABASE empty WITH (FORCE)", owner)
    assert done.returncode == 1
    assert "error    public: lags behind the code by" in done.stdout
    assert "Traceback" not in done.stderr


# --- the pooler -----------------------------------------------------------------------------------


@contextmanager
def pooled(environment: dict[str, str], mode: str) -> Iterator[dict[str, str]]:
    place = parse_qs(urlsplit(environment["DATABASE_URL"]).query)["host"][0]
    with pgbouncer(place, mode) as port:
        yield {
            **environment,
            "DATABASE_URL": web_url(port),
            "DB_POOL_SIZE": "0",
            "POOLED_OWNER": owner_url(port),
        }


@pytest.mark.parametrize(
    ("mode", "words", "code"),
    [
        ("transaction", "ok       The web login's pooler suits it", 0),
        ("session", "warning  connection default: its pooler is in session mode", 0),
        ("statement", "error    connection default: its pooler is in statement mode", 1),
    ],
)
def test_the_poolers_mode_is_told(installation, mode, words, code):
    with pooled(installation, mode) as environment:
        done = doctor(environment)
    assert (done.returncode, words in done.stdout) == (code, True), done.stdout


def test_a_pool_behind_a_pooler_is_told(installation):
    with pooled(installation, "transaction") as environment:
        done = doctor({**environment, "DB_POOL_SIZE": "4"})
    assert "warning  connection default: goes through a pooler and has a pool" in done.stdout
    assert done.returncode == 0, done.stdout


def test_an_owner_login_behind_a_pooler_is_told(installation):
    with pooled(installation, "transaction") as environment:
        done = doctor({**environment, "OWNER_DATABASE_URL": environment["POOLED_OWNER"]})
    assert "error    connection owner: goes through a pooler" in done.stdout
    assert done.returncode == 1


# --- PostgreSQL -----------------------------------------------------------------------------------


def wait_for(name: str, value: str) -> None:
    """Wait until the web login's connections have a setting that was changed for all."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with catalogue_scope(), connections["default"].cursor() as cursor:
            cursor.execute("SELECT setting FROM pg_settings WHERE name = %s", [name])
            if cursor.fetchone()[0] == value:
                return
    raise AssertionError(f"{name} is not {value}")


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_may_lose_commits_is_told(committed, name):
    words = f"error PostgreSQL: {name} is off: what was acknowledged can be lost in a crash"
    assert words in lines(server.durability())
    superuser(f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()")
    try:
        wait_for(name, "on")
        assert words not in lines(server.durability())
    finally:
        superuser(f"ALTER SYSTEM SET {name} = off; SELECT pg_reload_conf()")
        wait_for(name, "off")


@pytest.mark.parametrize(
    "name", ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
)
def test_a_web_login_without_a_timeout_is_told(committed, name):
    def fresh() -> list[str]:
        connections["default"].close()
        connections["default"].close_pool()
        return lines(server.timeouts())

    assert fresh() == []
    superuser(f"ALTER ROLE {WEB} SET {name} = 0")
    try:
        assert f"warning web login: has no {name}" in fresh()[0]
    finally:
        superuser(f"ALTER ROLE {WEB} SET {name} = '10s'")
        superuser(f"ALTER ROLE {WEB} SET lock_timeout = '5s'")
    assert fresh() == []


def test_pools_larger_than_the_server_are_told(committed, settings):
    assert lines(server.connection_limit()) == []
    settings.DB_POOL_SIZE = 60
    assert "4 processes with DB_POOL_SIZE=60" in lines(server.connection_limit())[0]


def test_a_server_that_is_too_old_is_told(committed, monkeypatch):
    assert lines(server.version()) == []
    monkeypatch.setattr(server, "NEEDED_VERSION", 99)
    assert "error PostgreSQL: is version 18" in lines(server.version())


# --- Redis ----------------------------------------------------------------------------------------


@pytest.fixture
def broker(tmp_path, settings) -> Iterator["redis_client.Redis"]:
    """Return the client of a broker of the test's own; the cache is the session's."""
    with redis(tmp_path) as url:
        settings.BROKER_URL = f"{url}/0"
        with redis_client.Redis.from_url(url) as client:
            yield client


def test_a_broker_as_make_run_starts_it_is_fine(broker):
    assert lines(redis_servers.broker()) == []
    assert lines(redis_servers.cache()) == []


def test_a_broker_that_evicts_is_told(broker):
    broker.config_set("maxmemory-policy", "allkeys-lru")
    assert lines(redis_servers.broker()) == [
        "error broker: evicts when memory is short (allkeys-lru): tasks are lost"
    ]
    [finding] = redis_servers.broker()
    assert "The cache is on the same server" not in finding.remedy


def test_a_policy_meant_for_the_cache_on_the_brokers_server_is_explained(broker, settings):
    broker.config_set("maxmemory-policy", "allkeys-lru")
    settings.CACHE_URL = settings.BROKER_URL.removesuffix("0") + "1"
    [finding] = redis_servers.broker()
    assert "The cache is on the same server" in finding.remedy
    assert lines(redis_servers.cache()) == []


def test_a_broker_that_keeps_nothing_on_disk_is_told(broker):
    broker.config_set("appendonly", "no")
    assert "warning broker: keeps nothing on disk" in lines(redis_servers.broker())[0]
    broker.config_set("save", "60 1000")
    assert lines(redis_servers.broker()) == []


def test_a_cache_in_the_brokers_database_is_told_whatever_it_is_called(broker, settings):
    settings.CACHE_URL = settings.BROKER_URL.replace("127.0.0.1", "localhost")
    assert "error cache: is the broker's own database" in lines(redis_servers.cache())[0]


def test_a_broker_or_cache_that_is_away_is_told(settings):
    settings.BROKER_URL = settings.CACHE_URL = f"redis://127.0.0.1:{free_port()}/0"
    assert "error broker: cannot be reached" in lines(redis_servers.broker())[0]
    assert "error cache: cannot be reached" in lines(redis_servers.cache())[0]


def test_a_broker_that_is_no_redis_is_left_out(settings):
    settings.BROKER_URL = "amqp://127.0.0.1/0"
    with pytest.raises(NotExamined, match="amqp is no Redis URL"):
        lines(redis_servers.broker())
    assert lines(redis_servers.cache()) == []
