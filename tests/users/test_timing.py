"""How long an answer takes tells nothing: known and unknown, free and taken, are the same work."""

import random
import time
import uuid
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import urlencode

import pytest
import redis
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test.client import MULTIPART_CONTENT as FORM

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.users.api_keys.issuing import issue
from tenant_apps.users.api_keys.issuing import revoke as revoke_key
from tenant_apps.users.api_keys.text import make_key, read_key
from tenant_apps.users.invitations.inviting import invite, revoke
from tenant_apps.users.links import make_token
from tenant_apps.users.models import Role, User
from tests.api import PASSWORD, Api

TRIES = 200
FEWEST_MS = 5
# Where no password is hashed and the whole answer takes some 2 ms.
FEWEST_MS_OF_KEYS = 1


class QuickArgon2(Argon2PasswordHasher):
    """The real thing with less memory: some 15 ms each, so that one too few or too many shows."""

    time_cost = 2
    memory_cost = 8 * 1024
    parallelism = 1


@pytest.fixture
def place(portal, settings):
    """Return a portal whose passwords are hashed as in production, the owner's signed in."""
    settings.PASSWORD_HASHERS = [f"{__name__}.QuickArgon2"]
    tenant = portal()
    with tenant_scope(tenant):
        yield Api(tenant.primary_host).signed_in(User.objects.get().email)
    redis.Redis.from_url(settings.BROKER_URL).flushdb()  # what nobody is there to deliver


def medians(*asks: Callable[[], Any]) -> list[float]:
    """Return each one's median time in ms, asked in turn, in an order that is drawn each time."""
    times: list[list[float]] = [[] for _ in asks]
    dice = random.Random(1)
    for ask in asks:  # once for what is loaded with the first request
        ask()
    for _ in range(TRIES):
        for number in dice.sample(range(len(asks)), len(asks)):
            started = time.perf_counter()
            asks[number]()
            times[number].append((time.perf_counter() - started) * 1000)
    return [median(each) for each in times]


def hold(name: str, api: Api, path: str, *bodies: dict[str, str]) -> list[float]:
    """Assert that ``bodies`` get one answer, and their medians differ by less than 5 ms."""
    answers = [api.post(path, body) for body in bodies]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    found = medians(*(lambda body=body: api.post(path, body) for body in bodies))
    print(f"{name}: medians of {TRIES} tries each {[round(each, 2) for each in found]} ms")
    assert max(found) - min(found) < FEWEST_MS
    return found


def test_signing_in_as_somebody_unknown_or_deactivated(place):
    known = User.objects.get().email
    User.objects.create_member("gone@x.example", PASSWORD, role="staff", is_active=False)
    emails = (known, "nobody@x.example", "gone@x.example")
    bodies = ({"email": email, "password": "wrong"} for email in emails)
    found = hold("sign-in", place, "/api/auth/login/", *bodies)
    assert min(found) > FEWEST_MS, "the password is hashed each time"


@pytest.mark.soak
def test_signing_in_on_the_page_as_somebody_unknown_or_deactivated(place):
    known = User.objects.get().email
    User.objects.create_member("gone@x.example", PASSWORD, role="staff", is_active=False)

    def try_as(email: str) -> None:
        form = {"username": email, "password": "wrong"}
        assert place.request("post", "/sign-in/", form, content_type=FORM).status_code == 400

    emails = (known, "nobody@x.example", "gone@x.example")
    found = medians(*(partial(try_as, email) for email in emails))
    print(f"sign-in page: medians of {TRIES} tries each {[round(each, 2) for each in found]} ms")
    assert max(found) - min(found) < FEWEST_MS < min(found)


def test_asking_for_a_new_password_for_nobody(place):
    bodies = ({"email": email} for email in (User.objects.get().email, "nobody@x.example"))
    hold("reset", place, "/api/auth/password-reset/", *bodies)


def test_choosing_a_new_password_with_a_link_that_never_was(place):
    person = User.objects.create_member("p@x.example", PASSWORD, role="staff")
    void = make_token("reset-password", person)
    person.revoke_tokens()
    bodies = ({"token": token, "password": "another horse 8"} for token in (void, "nonsense"))
    path = "/api/auth/password-reset/confirm/"
    assert min(hold("reset by link", place, path, *bodies)) > FEWEST_MS


def test_accepting_an_invitation_that_never_was(place):
    owner = User.objects.get()
    roles = [Role.objects.get(code="staff")]
    invitation = invite(acting=owner, email="new@x.example", roles=roles)
    void = invitation.make_token()
    revoke(acting=owner, invitation=invitation)
    taken = invite(acting=owner, email="there@x.example", roles=roles).make_token()
    User.objects.create_member("there@x.example", PASSWORD, role="staff")
    bodies = (
        {"token": token, "name": "N", "password": "another horse 8"}
        for token in (void, taken, "nonsense")
    )
    path = "/api/invitations/accept/"
    assert min(hold("invitation", place, path, *bodies)) > FEWEST_MS


def test_asking_for_an_address_that_is_taken(place):
    User.objects.create_member("there@x.example", PASSWORD, role="staff")
    bodies = (
        {"email": email, "password": PASSWORD} for email in ("there@x.example", "free@x.example")
    )
    assert min(hold("new address", place, "/api/me/email/", *bodies)) > FEWEST_MS


@pytest.mark.soak
def test_opening_the_api_with_a_key_that_is_unknown_wrong_or_revoked(place):
    owner = User.objects.get()
    role = Role.objects.get(code="admin")
    (known, text), (gone, revoked) = (
        issue(acting=owner, name="x", role=role, scopes=["orders:read"]) for _ in range(2)
    )
    revoke_key(acting=owner, key=gone)
    unknown, wrong = make_key(uuid.uuid4()), make_key(known.pk)
    assert Api(place.host, text).get("/api/orders/").status_code == 200

    def open_with(key: str) -> None:
        assert Api(place.host, key).get("/api/orders/").status_code == 401

    def exchange(key: str) -> None:
        key_id, secret = read_key(key)
        form = {
            "grant_type": "client_credentials",
            "client_id": key_id.hex,
            "client_secret": secret,
        }
        kind = "application/x-www-form-urlencoded"
        answer = place.request("post", "/api/auth/token/", urlencode(form), content_type=kind)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    for ask in (open_with, exchange):
        found = medians(*(partial(ask, key) for key in (unknown, wrong, revoked)))
        print(f"{ask.__name__}: medians of {TRIES} tries each {[round(x, 3) for x in found]} ms")
        assert max(found) - min(found) < FEWEST_MS_OF_KEYS
