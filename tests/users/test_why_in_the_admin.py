"""The admin says why somebody may do something, or what is missing, as the API does."""

from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import Role, User
from tenant_apps.users.roles.objects import give_grants
from tests.api import PASSWORD, Admin, Api, count_queries

WHY = "/admin/users/user/why/"
CHANGE = "products.change_product"


@pytest.fixture
def ann(acme) -> User:
    return User.objects.create_member("ann@x.example", PASSWORD, role="customer")


@pytest.fixture
def lamp(acme) -> Product:
    shelf = Category.objects.create(name="Lights", slug="lights")
    return Product.objects.create(name="Lamp", slug="lamp", price=1, stock=9, category=shelf)


def grant(to: User | Role, one: Product | Category, *codenames: str) -> None:
    owner = User.objects.get(email="owner@acme.example")
    give_grants(acting=owner, to=[to], objects=[one], codenames=codenames)


def ask(admin: Admin, person: User, permission: str, /, **more: object) -> str:
    query = {"person": person.pk, "permission": permission} | more
    page = admin.get(f"{WHY}?{urlencode(query)}")
    assert page.status_code == 200
    return page.content.decode()


def is_answered(page: str) -> bool:
    return "Yes, they may." in page or "No, they may not." in page


def clerk(acme, *codenames: str) -> Admin:
    """Return the admin of a person who holds just this."""
    user = User.objects.create_member("clerk@x.example", PASSWORD, role="customer")
    role = Role.objects.create(name="Clerks", rank=60)
    role.permissions.set(Permission.objects.filter(codename__in=["open_admin", *codenames]))
    user.groups.add(role)
    return Admin(acme.primary_host, user)


def test_the_role_that_holds_it_is_named(admin, ann):
    assert "No, they may not." in ask(admin, ann, CHANGE)
    ann.groups.add(Role.objects.get(code="staff"))
    page = ask(admin, ann, CHANGE)
    assert "Yes, they may." in page
    assert "The role Staff holds it." in page


def test_the_grant_is_named_to_whom_and_on_what_it_is(admin, ann, lamp):
    missing = ask(admin, ann, CHANGE, product=lamp.pk)
    assert "No role of theirs holds it (Products: change). Give one that does, or" in missing
    grant(ann, lamp, "change_product")
    grant(Role.objects.get(code="customer"), lamp.category, "change_category")
    page = ask(admin, ann, CHANGE, product=lamp.pk)
    assert "Granted to ann@x.example on the product Lamp." in page
    assert "Granted to the role Customer on the category Lights." in page
    assert "No, they may not." in ask(admin, ann, CHANGE), "for all products"


def test_who_is_deactivated_may_nothing(admin, ann):
    ann.groups.add(Role.objects.get(code="staff"))
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert "ann@x.example is deactivated." in ask(admin, ann, CHANGE)


@pytest.mark.parametrize("catalogue", ["on sale", "off sale", "granted", "theirs to change"])
@pytest.mark.parametrize("holds", [True, False])
def test_the_answer_about_seeing_is_what_the_person_sees(admin, acme, ann, lamp, catalogue, holds):
    if catalogue != "on sale":
        Product.objects.update(is_active=False)
    if catalogue == "granted":
        grant(ann, lamp, "view_product")
    if catalogue == "theirs to change":
        grant(ann, lamp, "change_product")
    if holds:
        ann.groups.add(role := Role.objects.create(name="Viewers", rank=10))
        role.permissions.set(Permission.objects.filter(codename="view_product"))
    api = Api(acme.primary_host).signed_in(ann.email)
    seen = api.get(f"/api/products/{lamp.pk}/").status_code == 200
    page = ask(admin, ann, "products.view_product", product=lamp.pk)
    assert ("Yes, they may." in page, "No, they may not." in page) == (seen, not seen)


def test_ones_own_order_is_seen_without_a_role(admin, ann, lamp):
    order = place_order(user=ann, items=[(lamp.pk, 1)])
    page = ask(admin, ann, "orders.view_order", order=order.pk)
    assert f"Order {order.number} is open to them, or their own" in page
    assert "No, they may not." in ask(admin, ann, "orders.change_order", order=order.pk)


def test_pages_of_people_and_of_objects_lead_to_the_page_filled_in(admin, ann, lamp):
    for one, name in ((ann, "person"), (lamp, "product"), (lamp.category, "category")):
        path = f"/admin/{one._meta.app_label}/{one._meta.model_name}/{one.pk}"
        assert f'href="{path}/why/"' in admin.get(f"{path}/change/").content.decode()
        answer = admin.get(f"{path}/why/")
        assert (answer.status_code, answer["Location"]) == (302, f"{WHY}?{name}={one.pk}")
        page = admin.get(answer["Location"]).content.decode()
        assert f'<option value="{one.pk}" selected>{one}</option>' in page
        assert not is_answered(page)


def test_only_who_sees_roles_may_ask(acme, ann, lamp):
    without = clerk(acme, "view_user", "change_user", "view_product")
    for path in (WHY, f"/admin/users/user/{ann.pk}/why/"):
        assert without.get(path).status_code == 403
    for path in ("/admin/users/user/", f"/admin/users/user/{ann.pk}/change/"):
        assert "/why/" not in without.get(path).content.decode()
    Role.objects.get(name="Clerks").permissions.add(Permission.objects.get(codename="view_role"))
    assert "No, they may not." in ask(without, ann, CHANGE)


@pytest.mark.parametrize("key", ["x", "019a0000-0000-7000-8000-000000000000", "1' OR 1=1"])
def test_what_does_not_exist_is_unknown(admin, ann, key):
    for name in ("person", "product"):
        assert not is_answered(ask(admin, ann, CHANGE, **{name: key}))
        assert admin.get(f"{WHY}?{urlencode({name: key})}").status_code == 200


def test_a_neighbours_people_and_objects_are_unknown(admin, acme, ann, globex):
    with tenant_scope(globex):
        theirs = User.objects.get()
        product = Product.objects.create(name="Theirs", slug="theirs", price=1)
    assert "Select a valid choice" in ask(admin, theirs, CHANGE)
    page = ask(admin, ann, CHANGE, product=product.pk)
    assert "Select a valid choice" in page
    assert "Theirs" not in page


def test_what_one_may_not_see_cannot_be_asked_about(acme, ann, lamp):
    Product.objects.update(is_active=False)
    page = ask(clerk(acme, "view_role", "view_user"), ann, CHANGE, product=lamp.pk)
    assert "Select a valid choice" in page
    assert "Lamp" not in page


def test_one_object_is_asked_about_at_a_time_and_what_no_role_may_hold_never(admin, ann, lamp):
    page = ask(admin, ann, CHANGE, product=lamp.pk, category=lamp.category_id)
    assert "Choose one object, or none." in page
    assert "Select a valid choice" in ask(admin, ann, "tenants.change_tenant")


def test_the_page_asks_as_many_queries_in_a_large_portal(admin, ann, lamp):
    few = count_queries(lambda: ask(admin, ann, CHANGE, product=lamp.pk))
    for number in range(30):
        Product.objects.create(name=f"P{number}", slug=f"p{number}", price=1)
        User.objects.create_member(f"p{number}@x.example", None, role="customer")
        Role.objects.create(name=f"R{number}", rank=10)
    assert count_queries(lambda: ask(admin, ann, CHANGE, product=lamp.pk)) == few
