"""What programs sign in with: role and scope together, from their addresses, until revoked."""

import hashlib
import re
from datetime import timedelta
from typing import Any
from zlib import crc32

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from django.utils import timezone

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.integrations.outbox import deliver
from tenant_apps.products.models import Product
from tenant_apps.users.api_keys.issuing import issue
from tenant_apps.users.api_keys.scopes import SCOPES
from tenant_apps.users.models import ApiKey, Role, User
from tests.api import PASSWORD, Api, code
from tests.isolation.test_authorisation import NEEDS, SECRETS, fill_again, send

KEYS = "/api/api-keys/"


def role(name: str) -> str:
    return str(Role.objects.get(code=name).uuid)


def body(**values: Any) -> dict[str, Any]:
    return {"name": "Shop", "role": role("admin"), "scopes": list(SCOPES)} | values


def made(owner: Api, **values: Any) -> tuple[Api, dict[str, Any]]:
    """Return the API as a new key sees it, and what was answered when it was made."""
    answer = owner.post(KEYS, body(**values))
    assert answer.status_code == 201, answer.content
    return Api(owner.host, answer.json()["key"]), answer.json()


def test_a_key_is_shown_once_and_kept_as_a_digest(owner):
    answer = owner.post(KEYS, body(scopes=["products:read"]))
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    key = answer.json()["key"]
    assert re.fullmatch(r"fh_dev_[0-9a-f]{32}_[A-Za-z0-9]{40}[0-9a-f]{8}", key)
    assert int(key[-8:], 16) == crc32(key[:-8].encode())
    secret = key.rpartition("_")[2]
    for path in (KEYS, f"{KEYS}{answer.json()['id']}/"):
        assert secret not in owner.get(path).content.decode()
    row = ApiKey.objects.get()
    assert bytes(row.digest) == hashlib.sha256(secret.encode()).digest()


def test_a_key_opens_the_api_as_its_service_account(owner):
    key, told = made(owner, scopes=["orders:read", "orders:write", "products:write"])
    assert key.get("/api/orders/").status_code == 200
    product = key.post("/api/products/", {"name": "L", "slug": "l", "price": "1", "stock": 2})
    assert product.status_code == 201
    order = key.post("/api/orders/", {"items": [{"product": product.json()["id"], "quantity": 1}]})
    assert order.json()["email"] == User.objects.get(pk=told["user"]).email


def test_a_key_may_no_more_than_its_role(owner):
    key, _ = made(owner, role=role("customer"))
    assert key.get("/api/products/").status_code == 200
    answer = key.post("/api/products/", {"name": "L", "slug": "l", "price": "1"})
    assert (answer.status_code, code(answer)) == (403, "permission_denied")


def scope_of(method: str, path: str) -> str | None:
    """Derive from method and path what a key needs; None: no key may."""
    resource = path.split("/")[2]
    scope = f"{resource}:{'read' if method == 'get' else 'write'}"
    return scope if scope in SCOPES else None


@pytest.mark.parametrize(("method", "path"), sorted(set(NEEDS)))
def test_every_operation_asks_for_its_scope_and_what_has_none_is_refused(owner, method, path):
    needed = scope_of(method, path)
    scopes = {one: issued_with(one) for one in ("all", needed or "all")}
    all_but = issued_with(*(set(SCOPES) - {needed}))
    ids = fill_again()
    answers = {
        name: send(Api(owner.host, key), method, path, ids)
        for name, key in {**scopes, "all but": all_but}.items()
    }
    codes = {name: code(a) if a.status_code == 403 else "" for name, a in answers.items()}
    if path in SECRETS:
        assert {a.status_code for a in answers.values()} == {400}
    elif needed is None:
        assert set(codes.values()) == {"not_for_keys"}
    else:
        assert codes == {"all": "", needed: "", "all but": "insufficient_scope"}


def issued_with(*scopes: str) -> str:
    owner = User.objects.get(groups__role__code="owner")
    chosen = SCOPES if scopes == ("all",) else scopes
    return issue(acting=owner, name="x", role=Role.objects.get(code="admin"), scopes=chosen)[1]


def test_whatever_is_wrong_with_a_key_the_answer_and_the_work_are_the_same(owner, globex):
    good, told = made(owner)
    other, others = made(owner)
    expired, revoked, elsewhere, dismissed = (made(owner) for _ in range(4))
    ApiKey.objects.filter(pk=expired[1]["id"]).update(expires_at=timezone.now())
    ApiKey.objects.filter(pk=revoked[1]["id"]).update(revoked_at=timezone.now())
    ApiKey.objects.filter(pk=elsewhere[1]["id"]).update(addresses=["203.0.113.0/24"])
    User.objects.filter(pk=dismissed[1]["user"]).update(is_active=False)
    wrong = good.token[:-1] + ("0" if good.token[-1] != "0" else "1")
    of_another = good.token.rpartition("_")[0] + "_" + other.token.rpartition("_")[2]
    unknown = good.token.replace(told["id"].replace("-", ""), "0" * 32)
    with tenant_scope(globex):
        theirs = issued_with("all")
    bad = [wrong, of_another, unknown, "fh_", "fh_dev_x_y", theirs]
    bad += [each[0].token for each in (expired, revoked, elsewhere, dismissed)]
    seen = set()
    for text in bad:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            answer = Api(owner.host, text).get("/api/orders/")
        reads = [q["sql"] for q in captured if 'FROM "tenants_' not in q["sql"]]
        seen.add((answer.status_code, answer.content, answer["WWW-Authenticate"], len(reads)))
    assert len(seen) == 1
    [(status, content, _, reads)] = seen
    assert (status, b"key_not_valid" in content, reads) == (401, True, 1)
    assert good.get("/api/orders/").status_code == 200
    assert others["id"] != told["id"]


def test_a_key_works_from_its_addresses_only(owner, settings):
    settings.TRUSTED_PROXIES = 1
    key, _ = made(owner, addresses=["203.0.113.0/24", "2001:db8::1"])

    def status(address: str) -> int:
        headers = key.headers | {"X-Forwarded-For": address}
        return key.get("/api/orders/", headers=headers).status_code

    assert [status(a) for a in ("203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1")] == [200] * 3
    assert [status(a) for a in ("203.0.114.9", "2001:db8::2", "x", "127.0.0.1")] == [401] * 4


@pytest.mark.parametrize("address", ["x", "203.0.113.1/24", "203.0.113.0/33", ""])
def test_an_address_that_is_none_is_refused(owner, address):
    assert owner.post(KEYS, body(addresses=[address])).status_code == 400


def test_the_use_of_a_key_is_noted_once_a_minute(owner):
    key, told = made(owner)

    def used() -> Any:
        assert key.get("/api/orders/").status_code == 200
        return ApiKey.objects.get(pk=told["id"]).last_used_at

    first = used()
    assert first is not None
    assert used() == first
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    assert used() > first


def test_a_replaced_key_goes_on_for_the_overlap(owner):
    old, told = made(owner, expires_in_days=30, scopes=["orders:read"])
    answer = owner.post(f"{KEYS}{told['id']}/rotate/", {"overlap_hours": 2})
    new = Api(owner.host, answer.json()["key"])
    assert [api.get("/api/orders/").status_code for api in (old, new)] == [200, 200]
    assert answer.json()["user"] == told["user"]
    rows = ApiKey.objects.in_bulk()
    before, after = (
        next(r for r in rows.values() if str(r.pk) == i) for i in (told["id"], answer.json()["id"])
    )
    assert timedelta(hours=1.9) < before.expires_at - timezone.now() < timedelta(hours=2)
    assert timedelta(days=29) < after.expires_at - timezone.now() < timedelta(days=31)
    assert after.scopes == ["orders:read"]


@pytest.mark.parametrize(("days", "hours"), [(None, 24), (10, 24), (1, 2)])
def test_a_replaced_key_goes_on_for_a_day_but_never_longer_than_it_was_to(owner, days, hours):
    _, told = made(owner, expires_in_days=days)
    if hours < 24:
        ApiKey.objects.update(expires_at=timezone.now() + timedelta(hours=hours))
    assert owner.post(f"{KEYS}{told['id']}/rotate/").status_code == 201
    left = ApiKey.objects.get(pk=told["id"]).expires_at - timezone.now()
    assert timedelta(hours=hours - 0.1) < left < timedelta(hours=hours)


def test_a_key_replaced_at_once_is_void(owner):
    old, told = made(owner)
    assert owner.post(f"{KEYS}{told['id']}/rotate/", {"overlap_hours": 0}).status_code == 201
    assert old.get("/api/orders/").status_code == 401


def test_a_revoked_key_is_void_at_once_and_can_be_neither_replaced_nor_revoked(owner):
    key, told = made(owner)
    assert owner.post(f"{KEYS}{told['id']}/revoke/").status_code == 204
    assert key.get("/api/orders/").status_code == 401
    for deed in ("rotate", "revoke"):
        answer = owner.post(f"{KEYS}{told['id']}/{deed}/")
        assert (answer.status_code, code(answer)) == (409, "key_closed")


def test_nobody_makes_replaces_or_revokes_a_key_beyond_their_reach(owner, member):
    _, told = made(owner)
    own = Role.objects.create(name="Keys", rank=50)
    own.permissions.set(Role.objects.get(code="admin").permissions.filter(codename="manage_apikey"))
    User.objects.create_with_roles("k@acme.example", "", roles=[own]).set_password(PASSWORD)
    keeper = User.objects.get(email="k@acme.example")
    keeper.set_password(PASSWORD)
    keeper.save()
    api = Api(owner.host).signed_in("k@acme.example")
    answers = [
        api.post(KEYS, body()),
        api.post(f"{KEYS}{told['id']}/rotate/"),
        api.post(f"{KEYS}{told['id']}/revoke/"),
        owner.post(KEYS, body(role=role("owner"))),
    ]
    assert {(a.status_code, code(a)) for a in answers} == {(403, "beyond_reach")}
    assert api.post(KEYS, body(role=role("customer"))).status_code == 201
    assert ApiKey.objects.live().count() == 2


def test_a_service_account_has_no_password_and_is_never_an_owner(owner, anonymous):
    _, told = made(owner)
    account = User.objects.get(pk=told["user"])
    sent = {"email": account.email, "password": PASSWORD}
    assert anonymous.post("/api/auth/login/", sent).status_code == 401
    answer = owner.request("put", f"/api/users/{account.pk}/roles/", {"roles": [role("owner")]})
    assert (answer.status_code, code(answer)) == (403, "beyond_reach")
    answer = owner.post(f"/api/users/{account.pk}/make-owner/", {"password": PASSWORD})
    assert (answer.status_code, code(answer)) == (403, "beyond_reach")
    account.set_password(PASSWORD)
    with pytest.raises(IntegrityError):
        account.save()


def test_nothing_is_mailed_to_a_service_account(owner, anonymous, mailoutbox):
    key, told = made(owner)
    product = Product.objects.create(name="L", slug="l", price=1, stock=2)
    placed = key.post("/api/orders/", {"items": [{"product": str(product.pk), "quantity": 1}]})
    assert placed.status_code == 201
    email = User.objects.get(pk=told["user"]).email
    assert anonymous.post("/api/auth/password-reset/", {"email": email}).status_code == 202
    entries = OutboxEntry.objects.filter(kind__in=["orders.confirmation", "users.reset_password"])
    assert entries.count() == 2
    for entry in entries:
        deliver(entry.pk)
    assert mailoutbox == []


def test_an_account_with_other_roles_is_another_at_the_next_request(owner):
    key, told = made(owner)
    product = {"name": "L", "slug": "l", "price": "1"}
    assert key.post("/api/products/", product).status_code == 201
    roles = {"roles": [role("customer")]}
    assert owner.request("put", f"/api/users/{told['user']}/roles/", roles).status_code == 200
    assert key.post("/api/products/", product | {"slug": "m"}).status_code == 403


def test_the_list_costs_the_same_for_one_key_and_for_many(owner):
    def reads() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(KEYS).status_code == 200
        return sum('FROM "tenants_' not in q["sql"] for q in captured)

    made(owner)
    few = reads()
    for _ in range(20):
        made(owner)
    assert reads() == few


def test_every_view_that_a_key_may_use_is_meant_to_be():
    def views(patterns: Any) -> Any:
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                yield from views(pattern.url_patterns)
            else:
                yield getattr(pattern.callback, "cls", None)

    found = {v for v in views(get_resolver("config.urls_tenant").url_patterns) if v}
    assert {v.__name__ for v in found if hasattr(v, "key_resource")} == {
        *("ProductViewSet", "CategoryViewSet", "OrderViewSet", "ImportViewSet"),
        "ProductImageView",
    }
