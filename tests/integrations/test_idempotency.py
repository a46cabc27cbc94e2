"""``Idempotency-Key``: one effect a key, and its first answer again."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.client import encode_multipart
from django.utils import timezone

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations.idempotency import _lock, sweep
from tenant_apps.integrations.models import Job, KeptAnswer, OutboxEntry
from tenant_apps.orders.models import Order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import User
from tests.api import Api, code
from tests.isolation.test_authorisation import NEEDS, fill, send

# POSTs that take no key, and why.
EXEMPT = {
    "/api/auth/login/": "nobody is signed in yet; a second login is another login",
    "/api/auth/refresh/": "a token works once, and its answer is a secret",
    "/api/auth/logout/": "safe to repeat",
    "/api/auth/password-reset/": "nobody is signed in; limited",
    "/api/auth/password-reset/confirm/": "nobody is signed in; its link works once",
    "/api/invitations/accept/": "nobody is signed in; its link works once",
    "/api/auth/token/": "nobody is signed in yet; its answer is a secret",
    "/api/api-keys/": "its answer is a secret, which must not be kept",
    "/api/api-keys/{id}/rotate/": "its answer is a secret, which must not be kept",
    "/api/api-keys/{id}/revoke/": "safe to repeat",
    "/api/billing/change/": "no transaction while Stripe is asked; a price is changed to once",
    "/api/billing/checkout/": "its answer is an address that soon expires",
    "/api/billing/portal/": "its answer is an address that soon expires",
    "/api/billing/cancel/": "safe to repeat",
    "/api/billing/resume/": "safe to repeat",
}
POSTS = sorted(path for method, path in NEEDS if method == "post" and path not in EXEMPT)


def post(api: Api, key: str, body: object, path: str = "/api/orders/"):
    return api.post(path, body, headers=api.headers | {"Idempotency-Key": key})


def lamp(stock: int = 5) -> Product:
    return Product.objects.create(name="Lamp", slug="lamp", price="10.00", stock=stock)


def one(product: Product) -> dict[str, object]:
    return {"items": [{"product": str(product.pk), "quantity": 1}]}


def told(answer) -> tuple[int, bytes, str]:
    return answer.status_code, answer.content, answer.get("Idempotent-Replayed", "")


def test_every_post_takes_a_key_or_says_why_not(acme):
    document = yaml.safe_load(Api(acme.primary_host).get("/api/schema/").content)
    takes = {
        path
        for path, methods in document["paths"].items()
        for each in methods.get("post", {}).get("parameters", [])
        if each["name"] == "Idempotency-Key"
    }
    posts = {path for path, methods in document["paths"].items() if "post" in methods}
    assert posts - takes == set(EXEMPT)
    assert takes == set(POSTS)


@pytest.mark.parametrize("path", POSTS)
def test_each_of_them_answers_twice_and_does_it_once(owner, path):
    ids = fill("mine")
    if path == "/api/users/{id}/make-owner/":
        ids["users"] = str(User.objects.get(email="owner@acme.example").pk)
    owner.headers["Idempotency-Key"] = "k"
    first, second = (send(owner, "post", path, ids) for _ in range(2))
    assert first.status_code < 500
    assert told(second) == (first.status_code, first.content, "true")
    assert first.get("Idempotent-Replayed") is None


def test_an_order_sent_twice_is_one_order(owner):
    body = one(lamp())
    first, second = (post(owner, "k", body) for _ in range(2))
    assert told(second) == (201, first.content, "true")
    assert (Order.objects.count(), Product.objects.get().stock) == (1, 4)
    assert OutboxEntry.objects.filter(kind="orders.confirmation").count() == 1
    assert post(owner, "another", body).json()["number"] == 1002


def test_without_a_key_nothing_is_kept(owner):
    assert owner.post("/api/orders/", one(lamp())).status_code == 201
    assert not KeptAnswer.objects.exists()


def test_the_same_key_with_another_request_is_refused(owner):
    product = lamp()
    post(owner, "k", one(product))
    more = {"items": [{"product": str(product.pk), "quantity": 2}]}
    for answer in (post(owner, "k", more), post(owner, "k", one(product), "/api/roles/")):
        assert (answer.status_code, code(answer)) == (422, "idempotency_key_reused")
    assert Order.objects.count() == 1


def test_anothers_key_is_another_key(owner, member):
    body = one(lamp())
    orders = {post(api, "k", body).json()["id"] for api in (owner, member("staff"))}
    assert len(orders) == Order.objects.count() == 2


def test_a_neighbours_key_is_another_key(owner, globex):
    here = post(owner, "k", {"name": "Shelf", "slug": "s"}, "/api/categories/")
    there_api = Api(globex.primary_host).signed_in("owner@globex.example")
    there = post(there_api, "k", {"name": "Shelf", "slug": "s"}, "/api/categories/")
    assert (here.status_code, told(there)[0], told(there)[2]) == (201, 201, "")
    with tenant_scope(globex):
        assert KeptAnswer.objects.count() == Category.objects.count() == 1


def test_a_file_sent_again_in_another_envelope_is_one_import(owner):
    def upload(boundary: str, content: bytes = b"Handle,Title,Variant Price\na,A,1\n"):
        file = SimpleUploadedFile("shop.csv", content, "text/csv")
        return owner.request(
            "post",
            "/api/imports/",
            encode_multipart(boundary, {"file": file}),
            content_type=f"multipart/form-data; boundary={boundary}",
            headers=owner.headers | {"Idempotency-Key": "k"},
        )

    first, second = upload("one"), upload("two")
    assert told(second) == (202, first.content, "true")
    assert second["Location"] == first["Location"]
    assert Job.objects.count() == 1
    assert bytes(Job.objects.get().content).startswith(b"Handle"), "what was digested is read anew"
    other = upload("one", b"Handle,Title,Variant Price\nb,B,1\n")
    assert code(other) == "idempotency_key_reused"


def test_a_refusal_is_kept_and_leaves_nothing_behind(owner):
    product = lamp(stock=0)
    first = post(owner, "k", one(product))
    assert code(first) == "out_of_stock"
    Product.objects.update(stock=5)
    assert told(post(owner, "k", one(product))) == (409, first.content, "true")
    assert Order.objects.count() == 0
    assert post(owner, "another", one(product)).status_code == 201


def test_who_lost_a_race_is_told_so_again(owner):
    shelf = {"name": "Shelf", "slug": "s"}

    def lose(execute, sql, *rest):
        if sql.startswith('INSERT INTO "products_category"'):
            raise IntegrityError
        return execute(sql, *rest)

    with connection.execute_wrapper(lose):
        first = post(owner, "k", shelf, "/api/categories/")
    assert code(first) == "conflict"
    assert told(post(owner, "k", shelf, "/api/categories/")) == (409, first.content, "true")


def test_a_fault_of_ours_is_not_kept(owner):
    product = lamp()

    def lose(execute, sql, *rest):
        if sql.startswith('INSERT INTO "orders_orderitem"'):
            raise OperationalError
        return execute(sql, *rest)

    with connection.execute_wrapper(lose):
        assert post(owner, "k", one(product)).status_code == 503
    assert (Product.objects.get().stock, KeptAnswer.objects.count()) == (5, 0)
    assert told(post(owner, "k", one(product)))[::2] == (201, "")


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "\x7f", "x" * 256])
def test_a_key_of_another_form_is_refused(owner, key):
    answer = post(owner, key, one(lamp()))
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "Idempotency-Key")
    assert Order.objects.count() == 0


def test_after_a_day_a_key_is_new(owner):
    body, later = one(lamp()), timezone.now() + timedelta(hours=24, seconds=1)
    post(owner, "k", body)
    with time_machine.travel(later - timedelta(minutes=1)):
        again = post(owner.signed_in("owner@acme.example"), "k", body)
    with time_machine.travel(later):
        new = post(owner.signed_in("owner@acme.example"), "k", body)
    assert (told(again)[2], told(new)[2], Order.objects.count()) == ("true", "", 2)
    assert KeptAnswer.objects.get().created_at >= later


def test_what_has_expired_is_swept(owner):
    for key in ("old", "new"):
        post(owner, key, one(Product.objects.first() or lamp()))
    KeptAnswer.objects.filter(key="old").update(created_at=timezone.now() - timedelta(hours=25))
    sweep()
    assert KeptAnswer.objects.get().key == "new"


def test_the_digest_of_a_body_is_keyed_so_that_a_password_in_it_cannot_be_guessed(owner, settings):
    body = one(lamp())
    post(owner, "k", body)
    settings.SECRET_KEY = "another"
    assert code(post(owner, "k", body)) == "idempotency_key_reused"


@contextmanager
def connection_closed():
    try:
        yield
    finally:
        connection.close()


def test_fifty_at_once_have_one_effect(portal):
    tenant = portal()
    owner = Api(tenant.primary_host).signed_in(f"owner@{tenant.primary_host.split('.')[0]}.example")
    with tenant_scope(tenant):
        body = one(lamp(stock=100))

    def order(_: int):
        with connection_closed():
            return post(Api(tenant.primary_host, owner.token), "k", body)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(order, range(50)))
    placed = {answer.content for answer in answers if answer.status_code == 201}
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(placed) == 1
    assert {(a.status_code, code(a), a["Retry-After"]) for a in refused} <= {
        (409, "in_flight", "2")
    }
    with tenant_scope(tenant):
        assert (Order.objects.count(), Product.objects.get().stock) == (1, 99)


def test_while_the_first_is_being_answered_the_second_is_told_so(portal):
    tenant = portal()
    owner = Api(tenant.primary_host).signed_in(f"owner@{tenant.primary_host.split('.')[0]}.example")

    def second():
        with connection_closed():
            return post(owner, "k", {"name": "Shelf", "slug": "s"}, "/api/categories/")

    with tenant_scope(tenant), ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            _lock(User.objects.get().pk, "k")
            answer = pool.submit(second).result()
        assert (answer.status_code, code(answer)) == (409, "in_flight")
        assert answer["Retry-After"] == "2"
        assert pool.submit(second).result().status_code == 201
