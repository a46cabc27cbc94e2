"""Whoever locks the same rows does so in one order, so that no two wait for each other."""

import random
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.catalogue_import import import_catalogue
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import Role, User
from tests.api import Api, code
from tests.stack.running import until

PRODUCTS, ROUNDS = 60, 40


def test_orders_and_imports_of_the_same_products_never_deadlock(portal):
    tenant = portal()
    handles = [f"h{n:03}" for n in range(PRODUCTS)]
    # Primary keys run against the handles: who locks by handle meets who locks by key.
    with tenant_scope(tenant):
        for handle in reversed(handles):
            Product.objects.create(name=handle, slug=handle, price=1, stock=10**6)
        products = list(Product.objects.order_by("pk").values_list("pk", flat=True))
        user = User.objects.get()
    head = "Handle,Title,Published,Variant Inventory Qty,Variant Price"
    content = "\n".join([head, *(f"{h},{h},true,1000000,1" for h in handles), ""]).encode()

    def imports(seed: int) -> None:
        with tenant_scope(tenant):
            for _ in range(ROUNDS // 4):
                import_catalogue(content)
        connection.close()

    def orders(seed: int) -> None:
        dice = random.Random(seed)
        with tenant_scope(tenant):
            for _ in range(ROUNDS):
                chosen = dice.sample(products, 20)
                place_order(user=user, items=[(product, 1) for product in chosen])
        connection.close()

    # A deadlock would raise OperationalError in one of them.
    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(work, seed) for seed, work in enumerate([imports, orders] * 3)]
        for future in running:
            future.result()
    with tenant_scope(tenant):
        assert Order.objects.count() == 3 * ROUNDS


@pytest.fixture
def shop(portal):
    """Return a portal's API as its owner sees it; the test is in the portal's scope."""
    tenant = portal()
    with tenant_scope(tenant):
        yield Api(tenant.primary_host).signed_in(User.objects.get().email)


@pytest.fixture
def aside(shop):
    """Return a function that sends a request from a thread and waits until it waits for a lock."""

    def waiting() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return int(cursor.fetchone()[0])

    def send(method: str, path: str, body: Any = None, tag: str = "") -> "Future[Any]":
        def ask() -> Any:
            try:
                headers = shop.headers | ({"If-Match": tag} if tag else {})
                return shop.request(method, path, body, headers=headers)
            finally:
                connection.close()

        before = waiting()
        sent = pool.submit(ask)
        until(lambda: waiting() > before, what="the lock")
        return sent

    with ThreadPoolExecutor(2) as pool:
        yield send


def staff() -> User:
    return User.objects.create_member("staff@x.example", None, role="staff")


@pytest.mark.parametrize("conditional_first", [True, False])
def test_with_and_without_a_condition_people_are_changed_in_one_order(aside, conditional_first):
    path, tags = f"/api/users/{staff().pk}/", ["*", ""]
    with transaction.atomic():
        Role.objects.select_for_update(of=["self"]).get(code="owner")
        answers = [
            aside("patch", path, {"is_active": False}, tag)
            for tag in (tags if conditional_first else reversed(tags))
        ]
    assert [answer.result().status_code for answer in answers] == [200, 200]


def test_an_import_into_a_category_that_is_being_deleted_does_not_wait_for_it(shop, aside):
    shelf = Category.objects.create(name="Shelf", slug="s")
    lamp = Product.objects.create(name="Lamp", slug="l", price=1, category=shelf)
    with transaction.atomic():
        Product.objects.select_for_update(of=["self"]).get(pk=lamp.pk)
        deleting = aside("delete", f"/api/categories/{shelf.pk}/", tag="*")
        Product.objects.create(name="Rope", slug="r", price=1, category=shelf)
    answer = deleting.result()
    assert (answer.status_code, code(answer)) == (409, "conflict")
    assert Category.objects.get().products.count() == 2


def test_whom_a_deadlock_ends_is_asked_to_come_back_and_has_done_nothing(shop, aside):
    person = staff()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=person.pk)
        changing = aside("patch", f"/api/users/{person.pk}/", {"is_active": False})
        # Who has waited longest is who finds the deadlock, and is ended.
        Role.objects.select_for_update(of=["self"]).get(code="owner")
    answer = changing.result()
    assert (answer.status_code, code(answer), answer["Retry-After"]) == (503, "try_again", "2")
    assert User.objects.get(pk=person.pk).is_active
