"""Autocomplete: every field that offers it finds what the person may see, and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared_apps.tenants.admin_sites import tenant_admin
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import Role, User
from tenant_apps.users.roles.admin import _grants_of_a_role
from tenant_apps.users.roles.objects import grantable_models
from tests.api import Admin, count_queries

PATH = "/admin/autocomplete/"


def fields() -> Iterator[tuple[Any, str]]:
    """Yield each model and the field of it that a page of the admin completes."""
    for model, options in tenant_admin._registry.items():
        yield from ((model, name) for name in options.autocomplete_fields)
        inlines = [*options.inlines]
        if model is Role:
            inlines += [_grants_of_a_role(kind) for kind in grantable_models()]
        for inline in inlines:
            yield from ((inline.model, name) for name in inline.autocomplete_fields)


FIELDS = list(fields())


def complete(admin: Admin, model: Any, name: str, term: str = ""):
    label, model_name = model._meta.app_label, model._meta.model_name
    query = f"app_label={label}&model_name={model_name}&field_name={name}&term={term}"
    return admin.get(f"{PATH}?{query}")


def names(answer) -> set[str]:
    assert answer.status_code == 200, answer.content
    return {found["text"] for found in answer.json()["results"]}


@pytest.fixture
def shop(acme) -> None:
    shelf = Category.objects.create(name="Lights", slug="lights")
    lamp = Product.objects.create(name="Lamp", slug="lamp", price=1, stock=9, category=shelf)
    Product.objects.create(name="Hidden", slug="hidden", price=1, is_active=False)
    place_order(user=User.objects.get(email="owner@acme.example"), items=[(lamp.pk, 1)])


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=lambda v: getattr(v, "__name__", v))
def test_every_field_that_completes_finds_what_there_is(admin, shop, model, name):
    term = {"user": "owner", "category": "light"}.get(name, "")
    assert names(complete(admin, model, name, term))
    assert names(complete(admin, model, name, "nothing-like-it")) == set()


def test_the_fields_that_should_complete_do():
    assert {(model.__name__, name) for model, name in FIELDS} == {
        ("Product", "category"),
        *((f"{kind}PersonGrant", "user") for kind in ("Category", "Product", "Order")),
        *((f"{kind}RoleGrant", "content_object") for kind in ("Category", "Product", "Order")),
    }


def test_only_what_a_person_may_see_is_found(as_role, admin, shop):
    grants = next(m for m, name in FIELDS if m.__name__ == "ProductRoleGrant")
    assert names(complete(admin, grants, "content_object")) == {"Lamp", "Hidden"}
    staff = as_role("staff")
    people = next(m for m, name in FIELDS if m.__name__ == "ProductPersonGrant")
    assert complete(staff, people, "user").status_code == 403, "they see no people"
    assert complete(as_role("customer"), grants, "content_object").status_code == 302


def test_products_are_filtered_by_a_category_that_is_completed_and_not_listed(admin, shop):
    few = count_queries(lambda: admin.get("/admin/products/product/"))
    for number in range(40):
        Category.objects.create(name=f"Shelf {number}", slug=f"s{number}")
    page = admin.get("/admin/products/product/").content.decode()
    assert "Shelf 7" not in page
    assert 'data-field-name="category"' in page
    assert count_queries(lambda: admin.get("/admin/products/product/")) == few
    lights = Category.objects.get(slug="lights")
    found = admin.get(f"/admin/products/product/?category__id__exact={lights.pk}").content.decode()
    assert ">Lamp</a>" in found
    assert ">Hidden</a>" not in found
