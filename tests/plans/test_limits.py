"""A tenant is held to its plan, whichever way rows are written; nothing that is there is lost."""

import ast
import re
from collections.abc import Callable, Iterator

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import CaptureQueriesContext

from shared_apps.plans.entitlements import LIMITS
from shared_apps.tenants import simultaneous, use_limits
from shared_apps.tenants.plan_limits import (
    Limited,
    LimitedQuerySet,
    LimitReached,
    over_limit,
    room_for,
    used,
)
from shared_apps.tenants.scope import public_scope, tenant_scope
from shared_apps.tenants.storage import all_names
from tenant_apps.files.models import StoredFile
from tenant_apps.files.pictures import encoded_anew
from tenant_apps.products.catalogue_import import import_catalogue
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import Role, User
from tests.api import PASSWORD, Api, code
from tests.files.pictures import picture, upload
from tests.plans.portals import put_on
from tests.products.test_catalogue_import import csv
from tests.test_house_rules import ROOT, SOURCES
from tests.users.links import mailed_link, token_of
from tests.users.test_invitations import ask, come
from tests.users.test_people_in_the_admin import change


def put_file(api: Api, path: str):
    body = encode_multipart(BOUNDARY, {"file": upload(picture())})
    return api.request("put", path, body, content_type=MULTIPART_CONTENT)


def lamp(slug: str = "new") -> Product:
    return Product(name="Lamp", slug=slug, price=1)


VALUES = {"name": "Lamp", "price": 1}
# Each adds a product to a shop with a category, by Django's own ways and ours.
MAKERS: dict[str, Callable[[], object]] = {
    "save": lambda: lamp().save(),
    "create": lambda: Product.objects.create(slug="new", **VALUES),
    "get_or_create": lambda: Product.objects.get_or_create(slug="new", defaults=VALUES),
    "update_or_create": lambda: Product.objects.update_or_create(slug="new", defaults=VALUES),
    "bulk_create": lambda: Product.objects.bulk_create([lamp()]),
    "a generator": lambda: Product.objects.bulk_create(lamp() for _ in range(1)),
    "with one that is there": lambda: Product.objects.bulk_create(
        [lamp("old"), lamp()],
        update_conflicts=True,
        unique_fields=["slug"],
        update_fields=["name"],
    ),
    "by its category": lambda: Category.objects.get().products.create(slug="new", **VALUES),
    "in bulk by its category": lambda: Category.objects.get().products.bulk_create([lamp()]),
    "a queryset": lambda: Product.objects.filter(stock=0).create(slug="new", **VALUES),
}


@pytest.fixture
def full(acme) -> Iterator[None]:
    """Acme has one category, one product, and room for no more."""
    Category.objects.create(name="Lamps", slug="lamps")
    lamp("old").save()
    with tenant_scope(put_on(acme, max_products=1)):
        yield


@pytest.mark.parametrize("way", MAKERS)
def test_no_way_of_writing_passes_the_limit(full, way):
    with pytest.raises(LimitReached, match="The plan Small allows 1 product"):
        MAKERS[way]()
    assert list(Product.objects.values_list("slug", "name")) == [("old", "Lamp")]


@pytest.mark.parametrize("way", MAKERS)
def test_every_way_goes_as_far_as_the_limit(full, acme, way):
    with tenant_scope(put_on(acme, max_products=2)):
        MAKERS[way]()
        assert used(Product) == 2


def test_a_refusal_can_be_caught_in_the_midst_of_a_transaction(full):
    with transaction.atomic():
        with pytest.raises(LimitReached):
            lamp().save()
        Product.objects.update(name="Sun")
    assert Product.objects.get().name == "Sun"


def test_of_many_at_once_all_come_in_or_none(full, acme):
    with tenant_scope(put_on(acme, max_products=3)):
        with pytest.raises(LimitReached):
            Product.objects.bulk_create(lamp(f"n{n}") for n in range(3))
        assert used(Product) == 1
        Product.objects.bulk_create(lamp(f"n{n}") for n in range(2))
        assert used(Product) == 3


def test_who_is_over_a_new_plans_limit_keeps_everything_and_may_change_and_remove_it(full, acme):
    with tenant_scope(put_on(acme, max_products=9)):
        Product.objects.bulk_create(lamp(f"n{n}") for n in range(4))
    with tenant_scope(put_on(acme, max_products=2)):
        assert used(Product) == 5
        product = Product.objects.get(slug="n1")
        product.name = "Sun"
        product.save()
        Product.objects.bulk_update([product], ["name"])
        Product.objects.bulk_create(
            [lamp("old")], update_conflicts=True, unique_fields=["slug"], update_fields=["name"]
        )
        Product.objects.filter(slug="n0").delete()
        with pytest.raises(LimitReached):
            lamp().save()
        assert used(Product) == 4
        Product.objects.filter(slug__in=["n1", "n2", "n3"]).delete()
        lamp().save()


def test_an_import_takes_what_fits_in_the_files_order_and_says_why_not_more(full, acme):
    with tenant_scope(put_on(acme, max_products=3)):
        rows = [f"{slug},{slug},,Odd,,true,,,,1,5," for slug in ("z", "old", "y", "b", "a")]
        done = import_catalogue(csv(*rows))
        assert (done.created, done.updated, done.refused) == (2, 1, 2)
        assert [(r["line"], r["handle"]) for r in done.refusals] == [(5, "b"), (6, "a")]
        assert "The plan Small allows 3 products." in done.refusals[0]["reason"]
        assert set(Product.objects.values_list("slug", flat=True)) == {"z", "old", "y"}
        again = import_catalogue(csv(*rows))
        assert (again.created, again.updated, again.refused) == (0, 3, 2)


def test_the_api_says_what_to_do_with_402(owner, full):
    answer = owner.post("/api/products/", {"name": "L", "slug": "l", "price": "1.00"})
    assert (answer.status_code, code(answer)) == (402, "limit_reached")
    assert answer.json()["errors"][0]["detail"] == (
        "The plan Small allows 1 product. Remove what is not needed, or choose a larger plan:"
        " http://localhost:8000/plans/"
    )
    first = Product.objects.get()
    assert owner.patch(f"/api/products/{first.pk}/", {"name": "Sun"}).status_code == 200


def test_the_admins_form_says_it_too(admin, full):
    form = {"name": "L", "slug": "l", "price": "1", "stock": "1", "attributes": "{}"}
    answer = admin.post("/admin/products/product/add/", form)
    assert answer.status_code == 200
    assert "The plan Small allows 1 product." in answer.content.decode()
    assert used(Product) == 1


def test_a_page_that_did_not_see_it_coming_answers_402(admin, full, monkeypatch):
    # Between the form's look and the write somebody else was faster.
    monkeypatch.setattr(Product, "clean", lambda self: None)
    form = {"name": "L", "slug": "l", "price": "1", "stock": "1", "attributes": "{}"}
    answer = admin.post("/admin/products/product/add/", form)
    assert answer.status_code == 402
    assert "The plan Small allows 1 product." in answer.content.decode()


def test_people_count_while_they_are_active_and_service_accounts_never(acme):
    with tenant_scope(put_on(acme, max_users=2)):
        second = User.objects.create_member("b@x.example", PASSWORD, role="customer")
        with pytest.raises(LimitReached, match="allows 2 people"):
            User.objects.create_member("c@x.example", PASSWORD, role="customer")
        User.objects.create_service_account(name="Robot", role=Role.objects.get(code="staff"))
        User.objects.create_member("d@x.example", None, role="customer", is_active=False)
        second.name = "Bea"
        second.save()
        second.is_active = False
        second.save(update_fields=["is_active"])
        User.objects.create_member("c@x.example", PASSWORD, role="customer")
        for bring_back in (
            lambda: second.save(),
            lambda: second.save(update_fields=["is_active"]),
            lambda: User.objects.filter(pk=second.pk).update(is_active=True),
            lambda: User.objects.bulk_update([second], ["is_active"]),
            lambda: User.objects.filter(is_service=True).update(is_service=False),
        ):
            second.is_active = True
            with pytest.raises(LimitReached), transaction.atomic():
                bring_back()
        assert used(User) == 2


def test_nobody_is_invited_into_a_full_portal_and_who_was_before_is_told(owner, anonymous, acme):
    assert ask(owner).status_code == 201
    token = token_of(mailed_link("users.invitation"))
    put_on(acme, max_users=1)
    refused = ask(owner, "other@guest.example")
    assert (refused.status_code, code(refused)) == (402, "limit_reached")
    assert (come(anonymous, token).status_code, used(User)) == (402, 1)
    page = anonymous.client.post(
        f"/invitation/{token}/", {"name": "New", "password": "another horse 8"}
    )
    assert page.status_code == 402
    assert "allows 1 person" in page.content.decode()
    assert 'name="password"' in page.content.decode(), "the form again"
    put_on(acme, max_users=2)
    assert come(anonymous, token).status_code == 201


def test_the_admin_makes_and_activates_nobody_in_a_full_portal(admin, acme):
    gone = User.objects.create_member("gone@x.example", None, role="customer", is_active=False)
    put_on(acme, max_users=1)
    form = {"email": "n@x.example", "password1": PASSWORD, "password2": PASSWORD}
    for answer in (
        admin.post("/admin/users/user/add/", form | {"usable_password": "true"}),
        change(admin, gone),
        admin.post("/admin/users/invitation/add/", {"email": "n@x.example", "roles": []}),
    ):
        assert answer.status_code == 200
    assert "allows 1 person" in change(admin, gone).content.decode()
    assert used(User) == 1
    assert change(admin, gone, is_active="", name="Gone").status_code == 302
    put_on(acme, max_users=2)
    assert change(admin, gone).status_code == 302


def test_pictures_count_by_their_bytes(owner, admin, acme):
    product = Product.objects.create(name="L", slug="l", price=1)
    size = len(encoded_anew(upload(picture())).content)
    with tenant_scope(put_on(acme, storage_bytes=2 * size - 1)):
        kept = StoredFile.objects.store(encoded_anew(upload(picture())))
        answer = put_file(owner, f"/api/products/{product.pk}/image/")
        assert (answer.status_code, code(answer)) == (402, "limit_reached")
        product.refresh_from_db()
        assert (product.image, used(StoredFile), len(all_names())) == (None, size, 1)
        with pytest.raises(LimitReached):
            StoredFile.objects.filter(pk=kept.pk).update(size=size * 2)
        form = {"name": "L", "slug": "l", "price": "1", "attributes": "{}"}
        path = f"/admin/products/product/{product.pk}/change/"
        answer = admin.post(path, form | {"picture": upload(picture())})
        assert (answer.status_code, "bytes of files" in answer.content.decode()) == (200, True)
        kept.remove()
        assert put_file(owner, f"/api/products/{product.pk}/image/").status_code == 200


def test_operators_and_portals_without_a_plan_have_no_bounds(acme, full):
    with public_scope():
        User.objects.create_operator("op@x.example", PASSWORD)
    with tenant_scope(put_on(acme)):
        assert room_for(Product) is None
        Product.objects.bulk_create(lamp(f"n{n}") for n in range(4))


def test_a_bound_costs_one_statement_a_creation_and_none_nothing(acme, full, owner):
    def create(slug: str) -> list[str]:
        body = {"name": "L", "slug": slug, "price": "1.00"}
        with CaptureQueriesContext(connection) as captured:
            assert owner.post("/api/products/", body).status_code == 201
        return [query["sql"] for query in captured if 'FROM "tenants_' not in query["sql"]]

    put_on(acme)
    create("first")
    free = create("second")
    assert not [sql for sql in free if "counted" in sql]
    put_on(acme, max_products=99)
    create("third")
    bounded = create("fourth")
    assert len(bounded) == len(free) + 1
    [count] = [sql for sql in bounded if "counted" in sql]
    assert "LIMIT 99" in count


def test_the_dashboard_tells_who_is_over_the_limit(admin, acme):
    Product.objects.bulk_create(lamp(f"n{n}") for n in range(3))
    put_on(acme, max_products=3)
    assert 'role="alert"' not in admin.get("/admin/").content.decode()
    with tenant_scope(put_on(acme, max_products=2, max_users=5)):
        assert over_limit(User, used(User)) == ""
    page = admin.get("/admin/").content.decode()
    assert page.count('role="alert"') == 1
    assert "Your plan allows 2 products; you have 3 products. Nothing is deleted" in page


# What else a limit's name is asked by.
ELSEWHERE = {
    "requests_per_minute": use_limits.spend_use,
    "simultaneous_requests": simultaneous.Simultaneous,
    "requests_per_month": "shown beside what was used",
}
MODELS = [model for model in apps.get_models() if issubclass(model, Limited)]


def test_every_limit_of_the_plans_is_held_by_somebody():
    assert {model.limit for model in MODELS} | set(ELSEWHERE) == set(LIMITS)
    assert set(MODELS) == {StoredFile, User, Product}


@pytest.mark.parametrize("model", MODELS)
def test_no_manager_or_save_of_a_limited_model_goes_round_the_limit(model):
    assert all(
        isinstance(manager.get_queryset(), LimitedQuerySet) for manager in model._meta.managers
    )
    assert next(c for c in model.__mro__ if "save" in vars(c)) is Limited
    for manager in model._meta.managers:
        ways = type(manager.get_queryset()).__mro__
        assert next(c for c in ways if {"bulk_create", "update"} & set(vars(c))) is LimitedQuerySet


TABLES = "|".join(model._meta.db_table for model in MODELS)
ROUND = re.compile(
    rf"\b(?:INSERT\s+INTO|COPY)\s+\"?(?:{TABLES})\b"
    rf"|\bUPDATE\s+\"?(?:{TABLES})\b[^;]*?\bSET\b[^;]*?\b(?:is_active|is_service|size)\s*="
    r"|_base_manager(?:\.\w+\([^()]*\))*\.(?:bulk_create|create|get_or_create|update|update_or_create)\("
    r"|\b(?:save_base|_insert|_raw_insert|_do_insert)\(",
    re.IGNORECASE,
)


def goes_round(source: str) -> list[str]:
    """Return what writes a limited table past its model, in code or in the SQL of a string."""
    return [match[0] for match in ROUND.finditer(ast.unparse(ast.parse(source)))]


def test_nobody_writes_past_the_models():
    found = {
        str(path.relative_to(ROOT)): there
        for path in SOURCES
        if (there := goes_round(path.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "cursor.execute('INSERT INTO products_product (id) VALUES (1)')",
        "cursor.copy('COPY \"products_product\" FROM STDIN')",
        "cursor.execute('UPDATE users_user AS u SET name = 1, is_active = true')",
        "Product._base_manager.bulk_create(rows)",
        "Product._base_manager.filter(pk=1).update(is_active=True)",
        "product.save_base(raw=True)",
    ],
)
def test_a_way_round_is_found(source):
    assert goes_round(source)


def test_stock_is_taken_without_a_count():
    assert not goes_round("cursor.execute('UPDATE products_product SET stock = stock - 1')")
