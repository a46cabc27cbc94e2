"""Thirty at once, with room for one: exactly one comes in, whichever way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from shared_apps.tenants.plan_limits import LimitReached, used
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.files.models import StoredFile
from tenant_apps.files.pictures import Picture
from tenant_apps.products.catalogue_import import import_catalogue
from tenant_apps.products.models import Product
from tenant_apps.users.models import Invitation, User
from tests.api import Api, code
from tests.plans.portals import put_on
from tests.products.test_catalogue_import import csv
from tests.users.test_invitations import come, invited

MANY = 30


def at_once(work: Callable[[int], object]) -> list[object]:
    """Return what ``work`` gives for each number, all begun in the same moment."""
    start = Barrier(MANY)

    def one(number: int) -> object:
        start.wait(30)
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(one, range(MANY)))


def lamp(number: int) -> dict[str, object]:
    return {"name": f"Lamp {number}", "slug": f"lamp-{number}", "price": "2.50"}


@pytest.fixture
def shop(portal):
    """A portal with room for three products, two of them made."""
    tenant = put_on(portal(), max_products=3)
    with tenant_scope(tenant):
        Product.objects.bulk_create(Product(**lamp(n)) for n in (100, 101))
    return tenant


def owner_of(tenant) -> Api:
    label = tenant.primary_host.partition(".")[0]
    return Api(tenant.primary_host).signed_in(f"owner@{label}.example")


def test_of_thirty_products_one_is_made(shop):
    owner = owner_of(shop)

    def create(number: int) -> tuple[int, str]:
        answer = Api(shop.primary_host, owner.token).post("/api/products/", lamp(number))
        return answer.status_code, "" if answer.status_code == 201 else code(answer)

    assert sorted(at_once(create)) == [(201, "")] + [(402, "limit_reached")] * (MANY - 1)
    with tenant_scope(shop):
        assert used(Product) == 3


def test_of_thirty_files_imported_one_has_its_product_made(shop):
    def take(number: int) -> tuple[int, int, int]:
        with tenant_scope(shop):
            done = import_catalogue(
                csv(f"new-{number},New,,,,true,,,,1,5,", "lamp-100,Lamp,,,,true,,,,1,7,")
            )
        return done.created, done.refused, done.updated

    assert sorted(at_once(take)) == [(0, 1, 1)] * (MANY - 1) + [(1, 0, 1)]
    with tenant_scope(shop):
        assert used(Product) == 3


def test_imports_and_requests_share_what_is_left(shop):
    owner = owner_of(shop)

    def add(number: int) -> int:
        if number % 2:
            answer = Api(shop.primary_host, owner.token).post("/api/products/", lamp(number))
            return int(answer.status_code == 201)
        with tenant_scope(shop):
            return import_catalogue(csv(f"new-{number},New,,,,true,,,,1,5,")).created

    assert sorted(at_once(add)) == [0] * (MANY - 1) + [1]
    with tenant_scope(shop):
        assert used(Product) == 3


def test_of_thirty_who_accept_an_invitation_one_comes_in(portal, limit):
    limit("login", address="1000/minute")
    tenant = portal()
    owner = owner_of(tenant)
    with tenant_scope(tenant):
        sent = [invited(owner, f"guest{n}@x.example") for n in range(MANY)]
        tokens = [invitation.make_token() for invitation in sent]
    put_on(tenant, max_users=2)

    def accept(number: int) -> tuple[int, str]:
        answer = come(Api(tenant.primary_host), tokens[number])
        return answer.status_code, "" if answer.status_code == 201 else code(answer)

    assert sorted(at_once(accept)) == [(201, "")] + [(402, "limit_reached")] * (MANY - 1)
    with tenant_scope(tenant):
        assert used(User) == 2
        assert Invitation.objects.open().count() == MANY - 1, "their links stay good"


def test_of_thirty_who_are_made_or_activated_again_one_is(portal):
    tenant = portal()
    with tenant_scope(tenant):
        gone = [
            User.objects.create_member(f"{n}@x.example", None, role="customer", is_active=False)
            for n in range(MANY)
        ]
    tenant = put_on(tenant, max_users=2)

    def bring_in(number: int) -> bool:
        with tenant_scope(tenant):
            person = User.objects.get(pk=gone[number].pk)
            person.is_active = True
            try:
                match number % 3:
                    case 0:
                        person.save(update_fields=["is_active"])
                    case 1:
                        User.objects.filter(pk=person.pk).update(is_active=True)
                    case 2:
                        User.objects.create_member(f"new{number}@x.example", None, role="customer")
            except LimitReached:
                return False
        return True

    assert sum(map(bool, at_once(bring_in))) == 1
    with tenant_scope(tenant):
        assert used(User) == 2


def test_of_thirty_files_of_the_same_size_one_is_kept(portal):
    tenant = put_on(portal(), storage_bytes=1999)

    def keep(number: int) -> bool:
        with tenant_scope(tenant):
            try:
                StoredFile.objects.store(Picture("x.png", b"x" * 1000, "image/png"))
            except LimitReached:
                return False
        return True

    assert sum(map(bool, at_once(keep))) == 1
    with tenant_scope(tenant):
        assert used(StoredFile) == 1000
