"""Limits: counted for everybody at once, by tenant, account and address."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from shared_apps.plans.entitlements import Entitlements
from shared_apps.tenants import limits, simultaneous
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.leases import Leases, Quota, leases
from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.routing import TenantRouting
from shared_apps.tenants.scope import no_scope
from shared_apps.tenants.simultaneous import Simultaneous, TooManyAtOnce
from shared_apps.tenants.use_limits import count_use
from tenant_apps.users.api_keys.text import read_key
from tenant_apps.users.models import Role
from tests.api import PASSWORD, Api, code
from tests.conftest import forget_limits
from tests.users.test_client_credentials import ask, client


@pytest.fixture
def redis_down(settings):
    settings.CACHE_URL = "redis://127.0.0.1:1/1"
    leases.clear()


def sign_in(api: Api, email: str, password: str = "wrong", **headers: str):
    body = {"email": email, "password": password}
    return api.post("/api/auth/login/", body, headers=headers)


def test_after_so_many_tries_an_account_must_wait_even_with_the_right_password(anonymous, limit):
    limit("login", account="3/minute")
    statuses = [sign_in(anonymous, "owner@acme.example").status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    refused = sign_in(anonymous, "OWNER@acme.example ", PASSWORD)
    assert (refused.status_code, code(refused)) == (429, "too_many_attempts")
    assert 1 <= int(refused["Retry-After"]) <= 60


def test_another_account_and_another_tenant_are_not_held_up(anonymous, globex, limit):
    limit("login", account="1/minute")
    sign_in(anonymous, "owner@acme.example")
    assert sign_in(anonymous, "owner@acme.example").status_code == 429
    assert sign_in(anonymous, "other@acme.example").status_code == 401
    assert sign_in(Api(globex.primary_host), "owner@acme.example").status_code == 401


def test_an_unknown_account_is_limited_like_a_known_one(anonymous, limit):
    limit("login", account="2/minute")
    for email in ("owner@acme.example", "nobody@acme.example"):
        assert [sign_in(anonymous, email).status_code for _ in range(3)] == [401, 401, 429]


def test_an_address_that_tries_many_accounts_must_wait(anonymous, limit):
    limit("login", address="3/minute")
    statuses = [sign_in(anonymous, f"{n}@acme.example").status_code for n in range(4)]
    assert statuses == [401, 401, 401, 429]


def test_the_admins_login_counts_with_the_apis(anonymous, acme, limit):
    limit("login", account="2/minute")
    sign_in(anonymous, "owner@acme.example")
    client = Client(headers={"host": acme.primary_host})
    form = {"username": "owner@acme.example", "password": "wrong"}
    with no_scope():
        assert client.post("/admin/login/", form).status_code == 200
        refused = client.post("/admin/login/", form | {"password": PASSWORD})
    assert (refused.status_code, int(refused["Retry-After"]) > 0) == (429, True)


def test_what_a_client_writes_into_x_forwarded_for_changes_nothing(anonymous, limit):
    limit("login", address="2/minute")
    statuses = [
        sign_in(anonymous, f"{n}@x.example", **{"X-Forwarded-For": f"9.9.9.{n}"}).status_code
        for n in range(3)
    ]
    assert statuses == [401, 401, 429]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "1.1.1.1", "127.0.0.1"),
        (1, "1.1.1.1", "1.1.1.1"),
        (1, None, "127.0.0.1"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (2, "6.6.6.6, 1.1.1.1, 10.0.0.1", "1.1.1.1"),
        (2, "1.1.1.1", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_the_address_is_the_one_our_own_proxy_saw(settings, proxies, forwarded, address):
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory().get("/", headers=headers)
    assert limits.client_address(request) == address


def test_a_client_without_an_address_is_counted_with_others_like_it():
    request = RequestFactory().get("/", REMOTE_ADDR="")
    assert limits.client_address(request) == "unknown"


def test_tries_without_an_account_are_not_counted_as_one_accounts(limit):
    limit("general", account="1/minute", address="3/minute")
    request = RequestFactory().get("/")
    for _ in range(3):
        count_use(request)
    with pytest.raises(limits.TooOften, match=r"^Too many attempts\. Try again in \d+ seconds\.$"):
        count_use(request)


def test_signing_up_is_limited_by_address(public_client, limit):
    limit("signup", address="2/minute")
    body = {"subdomain": "x"}
    with no_scope():
        statuses = [
            public_client.post("/api/signup/", body, content_type="application/json").status_code
            for _ in range(3)
        ]
    assert statuses == [400, 400, 429]


def test_asking_for_a_new_password_is_limited_by_account_and_by_address(anonymous, acme, limit):
    def ask(email: str) -> int:
        return anonymous.post("/api/auth/password-reset/", {"email": email}).status_code

    limit("reset", account="2/hour")
    for email in ("owner@acme.example", "nobody@acme.example"):
        assert [ask(email) for _ in range(3)] == [202, 202, 429]
    with no_scope():
        page = anonymous.client.post("/forgotten-password/", {"email": "OWNER@acme.example"})
    assert (page.status_code, b"Too many attempts" in page.content) == (429, True)
    limit("reset", address="2/hour")
    assert [ask(f"{n}@acme.example") for n in range(3)] == [202, 202, 429]


def test_ones_own_password_and_mailed_secrets_are_tried_as_often_as_a_sign_in(owner, limit):
    limit("login", account="2/minute")
    body = {"old": "wrong", "new": "another horse 8"}
    statuses = [owner.post("/api/me/password/", body).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]
    limit("login", address="2/minute")
    secrets = ("/api/invitations/accept/", "/api/auth/password-reset/confirm/")
    assert [owner.post(path).status_code for path in (*secrets, *secrets)] == [400, 400, 429, 429]


def test_general_use_is_limited_by_person(owner, member, limit):
    limit("general", account="3/minute")
    assert [owner.get("/api/me/").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert member("staff").get("/api/me/").status_code == 200


def test_fifty_at_once_overshoot_by_five_in_a_hundred_at_most(portal, limit):
    limit("login", account="20/minute")
    tenant = portal()
    email = f"{uuid4().hex}@x.example"

    def one(_: int) -> int:
        try:
            return sign_in(Api(tenant.primary_host), email).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(one, range(50)))
    assert set(statuses) == {401, 429}
    assert 20 <= statuses.count(401) <= 21


def test_one_is_told_how_long_until_the_next_try(limit):
    limit("login", address="1/minute")
    request = RequestFactory().get("/")
    first = datetime.now(UTC)
    for later, left in ((0, 60), (40, 20), (59.8, 1)):
        with time_machine.travel(first + timedelta(seconds=later), tick=False):
            if not later:
                limits.count("login", request)
            with pytest.raises(limits.TooOften) as refused:
                limits.count("login", request)
        assert refused.value.seconds == left


def test_without_redis_reads_go_on_under_a_local_limit(anonymous, globex, limit, redis_down, lines):
    limit("general", address="3/minute")
    statuses = [anonymous.get("/api/products/").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert Api(globex.primary_host).get("/api/products/").status_code == 200
    [line, *_] = [line for line in lines() if line["event"] == "limits_without_redis"]
    assert (line["limit"], line["level"]) == ("caller", "warning")


def test_without_redis_signing_in_and_up_is_a_503(anonymous, public_client, limit, redis_down):
    refused = sign_in(anonymous, "owner@acme.example", PASSWORD)
    assert (refused.status_code, code(refused)) == (503, "try_again")
    assert refused["Retry-After"] == "2"
    assert refused.json()["errors"][0]["detail"] == (
        "This cannot be done at the moment. Please try again shortly."
    )
    with no_scope():
        assert public_client.post("/api/signup/", {}, "application/json").status_code == 503
        form = {"username": "owner@acme.example", "password": PASSWORD}
        assert anonymous.client.post("/admin/login/", form).status_code == 503
        form = {"email": "owner@acme.example"}
        assert anonymous.client.post("/forgotten-password/", form).status_code == 503
    assert anonymous.post("/api/auth/password-reset/", form).status_code == 503


def standings(answer, header: str = "RateLimit") -> dict[str, dict[str, int]]:
    """Return what a header of structured fields says, by the limit's name."""
    found = {}
    for part in answer[header].split(", "):
        name, *values = part.split(";")
        found[name.strip('"')] = {k: int(v) for k, _, v in (v.partition("=") for v in values)}
    return found


@pytest.fixture
def plan(acme, monkeypatch):
    """Return a function that gives acme other limits, for the test."""

    def limits_of(**changes: int) -> None:
        held = domain_map.tenant_for(acme.primary_host)
        assert held
        limits = {**held.entitlements.limits, **changes}
        changed = replace(held, entitlements=replace(held.entitlements, limits=limits))
        monkeypatch.setitem(domain_map._by_host, held.primary_host, changed)

    forget_limits()
    return limits_of


def test_the_headers_tell_where_a_caller_stands(anonymous, limit, plan):
    limit("general", address="3/minute")
    plan(requests_per_minute=50)
    first, second = anonymous.get("/api/products/"), anonymous.get("/api/products/")
    assert standings(first, "RateLimit-Policy") == {
        "caller": {"q": 3, "w": 60},
        "portal": {"q": 50, "w": 60},
    }
    assert [standings(a)["caller"]["r"] for a in (first, second)] == [2, 1]
    assert [standings(a)["portal"]["r"] for a in (first, second)] == [49, 48]
    assert 1 <= standings(first)["caller"]["t"] <= 60
    refused = [anonymous.get("/api/products/") for _ in range(2)][-1]
    assert refused.status_code == 429
    assert standings(refused)["caller"]["r"] == 0
    assert 1 <= int(refused["Retry-After"]) <= 60


def test_a_portal_has_as_many_requests_as_its_plan_gives(owner, member, globex, limit, plan):
    plan(requests_per_minute=3)
    other = member("customer")
    statuses = [who.get("/api/me/").status_code for who in (owner, other, owner, other)]
    assert 429 in statuses, "whoever asks"
    assert Api(globex.primary_host).get("/api/me/").status_code == 401, "a neighbour does not wait"


def test_general_use_is_limited_by_key_and_its_tokens_count_with_it(owner, limit):
    limit("general", key="3/minute")
    role = str(Role.objects.get(code="admin").uuid)
    body = {"name": "Shop", "role": role, "scopes": ["products:read"]}
    keys = [owner.post("/api/api-keys/", body).json()["key"] for _ in range(2)]
    key_id, secret = read_key(keys[0])
    first, second = (Api(owner.host, key) for key in keys)
    token = Api(owner.host, ask(owner, client(str(key_id), secret)).json()["access_token"])
    statuses = [api.get("/api/products/").status_code for api in (first, token, first, token)]
    assert statuses == [200, 200, 200, 429]
    assert second.get("/api/products/").status_code == 200
    assert owner.get("/api/products/").status_code == 200


def spent(leases: Leases, quota: Quota, times: int) -> int:
    """Return how many of so many tries could spend one."""
    return sum(leases.spend([quota])[0] for _ in range(times))


@pytest.fixture
def quota(limit):
    return Quota("portal", uuid4().hex, 640, 60)


def test_processes_never_spend_more_than_the_quota_together(quota):
    processes = [Leases() for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda n: spent(processes[n % 4], quota, 100), range(16)))
    assert sum(done) == 640


def test_most_requests_ask_nobody():
    def asked() -> int:
        return shared().info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)

    before = asked()
    assert spent(Leases(), Quota("portal", uuid4().hex, 3000, 60), 3500) == 3000
    assert asked() - before < 350


def test_a_refused_request_uses_up_nothing(quota):
    leases, scarce = Leases(), Quota("caller", uuid4().hex, 1, 60)
    assert leases.spend([scarce, quota])[0]
    for _ in range(3):
        may, (caller, portal) = leases.spend([scarce, quota])
        assert (may, caller.remaining, portal.remaining) == (False, 0, 639)


def test_all_of_a_quota_is_there_again_when_its_window_ends():
    leases, brief = Leases(), Quota("portal", uuid4().hex, 3, 1)
    assert spent(leases, brief, 5) == 3
    time.sleep(1.01)
    assert spent(leases, brief, 5) == 3


def test_a_larger_plan_counts_at_once(quota):
    leases = Leases()
    assert spent(leases, quota, 700) == 640
    assert spent(leases, replace(quota, amount=650), 700) == 10


@pytest.fixture
def process(settings):
    """Return a function that returns the requests under way of one of so many processes."""

    def one(of: int) -> Simultaneous:
        settings.WEB_PROCESSES = of
        return Simultaneous()

    return one


def enter(stack: ExitStack, process: Simultaneous, tenant, times: int) -> int:
    """Return how many of so many requests began."""
    begun = 0
    for _ in range(times):
        with suppress(TooManyAtOnce):
            stack.enter_context(process.one_of(tenant))
            begun += 1
    return begun


@pytest.fixture
def eight(acme):
    return replace(acme, id=uuid4(), entitlements=Entitlements(limits={"simultaneous_requests": 8}))


def test_one_process_answers_as_many_at_once_as_the_plan_says(process, eight):
    alone = process(of=1)
    for _ in range(3):
        with ExitStack() as stack:
            assert enter(stack, alone, eight, 20) == 8


def test_processes_share_what_is_answered_at_once(process, eight):
    processes = [process(of=2) for _ in range(2)]
    for first, second in (processes, processes[::-1]):
        with ExitStack() as stack:
            # Its share and all that is lent; the other keeps its own share.
            assert [enter(stack, each, eight, 20) for each in (first, second)] == [6, 2]
        with ExitStack() as stack:
            assert enter(stack, first, eight, 3) == 3
            assert enter(stack, second, eight, 20) == 5


def test_what_a_dead_process_borrowed_comes_back(process, eight, monkeypatch):
    dead, alive = process(of=2), process(of=2)
    with ExitStack() as stack:
        with monkeypatch.context() as patched:
            patched.setattr(simultaneous, "_LENT_SECONDS", 3)
            assert enter(stack, dead, eight, 5) == 5
        assert enter(stack, alive, eight, 20) == 3
        time.sleep(3.1)
        assert enter(stack, alive, eight, 20) == 3


def test_without_redis_a_process_answers_as_many_as_the_plan_says(process, eight, redis_down):
    with ExitStack() as stack:
        assert enter(stack, process(of=2), eight, 20) == 8


def test_requests_of_one_portal_beyond_its_plan_are_refused_at_once(acme, globex, db):
    entered, go_on = Event(), Event()

    def slow(request):
        entered.set()
        assert go_on.wait(10)
        return HttpResponse()

    def ask(tenant, view):
        request = RequestFactory().get("/api/", headers={"host": tenant.primary_host})
        with no_scope():
            return TenantRouting(view)(request)

    held = [domain_map.tenant_for(t.primary_host) for t in (acme, globex)]
    for tenant in held:
        tenant.entitlements.limits["simultaneous_requests"] = 1
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(ask, held[0], slow)
        assert entered.wait(10)
        refused = ask(held[0], lambda request: HttpResponse())
        assert refused.status_code == 429
        assert json.loads(refused.content)["errors"][0]["code"] == "too_many_at_once"
        assert refused["Retry-After"] == "1"
        assert ask(held[1], lambda request: HttpResponse()).status_code == 200, "a neighbour"
        go_on.set()
        assert first.result().status_code == 200
    assert ask(held[0], lambda request: HttpResponse()).status_code == 200
    with pytest.raises(ZeroDivisionError):
        ask(held[0], lambda request: 1 / 0)
    assert ask(held[0], lambda request: HttpResponse()).status_code == 200, "not left behind"
