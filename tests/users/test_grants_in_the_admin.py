"""Grants on many objects at once in the admin, from their lists and from a role's page."""

import pytest
from django.contrib.auth.models import Permission

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import Role, User
from tenant_apps.users.roles import admin_grants
from tenant_apps.users.roles.objects import give_grants, grants_on
from tests.admin.test_confirming import hidden
from tests.api import PASSWORD, Admin, count_queries


@pytest.fixture
def ann(acme) -> User:
    return User.objects.create_member("ann@x.example", None, role="customer")


@pytest.fixture
def bob(acme) -> User:
    return User.objects.create_member("bob@x.example", None, role="customer")


@pytest.fixture
def buyers(acme) -> Role:
    return Role.objects.create(name="Buyers", rank=20)


def lamps(number: int) -> list[Product]:
    return [
        Product.objects.create(name=f"Lamp {n}", slug=f"l{n}", price=1, stock=9)
        for n in range(number)
    ]


def list_of(one: object) -> str:
    return f"/admin/{one._meta.app_label}/{one._meta.model_name}/"


def act(admin: Admin, action: str, *objects: object, **form: object):
    chosen = {"action": action, "_selected_action": [str(one.pk) for one in objects]}
    return admin.post(list_of(objects[0]), chosen | form)


def told(*, people=(), roles=(), deeds=()) -> dict[str, object]:
    """Return what the page's form says."""
    keys = {"people": [str(p.pk) for p in people], "roles": [r.pk for r in roles]}
    return keys | {"deeds": list(deeds), "confirmed": "yes"}


def granted(one: object) -> set[tuple[str, object]]:
    return {(g["permission"], g["person"] or g["role"]) for g in grants_on(one)}


def clerk(acme, *codenames: str) -> Admin:
    """Return the admin of a person who holds just this."""
    user = User.objects.create_member("clerk@x.example", PASSWORD, role="customer")
    role = Role.objects.create(name="Clerks", rank=60)
    role.permissions.set(Permission.objects.filter(codename__in=["open_admin", *codenames]))
    user.groups.add(role)
    return Admin(acme.primary_host, user)


def test_many_are_granted_to_people_and_roles_after_the_page_and_taken_back(
    admin, ann, bob, buyers
):
    one, two, other = lamps(3)
    page = act(admin, "grant", one, two)
    text = page.content.decode()
    assert "<li>Lamp 0</li>" in text
    assert "Lamp 2" not in text
    assert "This field is required." not in text
    answer = told(people=[ann, bob], roles=[buyers], deeds=["view_product", "change_product"])
    act(admin, "grant", one, two, **answer | {"confirmed": ""})
    assert not granted(one)
    assert admin.post(list_of(one), hidden(page) | answer).status_code == 302
    everybody = {
        (deed, to)
        for deed in ("view_product", "change_product")
        for to in (ann.pk, bob.pk, buyers.uuid)
    }
    assert [granted(p) for p in (one, two, other)] == [everybody, everybody, set()]
    assert "Granted on 2 of them." in admin.get(list_of(one)).content.decode()
    answer = told(people=[bob], roles=[buyers], deeds=["change_product"])
    assert act(admin, "take_back", one, two, **answer).status_code == 302
    left = everybody - {("change_product", bob.pk), ("change_product", buyers.uuid)}
    assert [granted(p) for p in (one, two)] == [left, left]


def test_categories_and_orders_are_granted_with_the_deeds_they_have(admin, ann):
    shelf = Category.objects.create(name="Lights", slug="lights")
    assert act(admin, "grant", shelf, **told(people=[ann], deeds=["view_category"])).status_code
    assert granted(shelf) == {("view_category", ann.pk)}
    owner = User.objects.get(email="owner@acme.example")
    order = place_order(user=owner, items=[(lamps(1)[0].pk, 1)])
    assert 'value="refund_order"' in act(admin, "grant", order).content.decode()
    act(admin, "grant", order, **told(people=[ann], deeds=["refund_order"]))
    assert granted(Order.objects.get()) == {("refund_order", ann.pk)}
    page = act(admin, "grant", shelf, **told(people=[ann], deeds=["refund_order"]))
    assert "Select a valid choice" in page.content.decode()


def test_nobody_and_nothing_is_asked_for_again(admin, ann):
    [one] = lamps(1)
    page = act(admin, "grant", one, **told(deeds=["view_product"])).content.decode()
    assert "Choose at least one person or role." in page
    page = act(admin, "grant", one, **told(people=[ann])).content.decode()
    assert "This field is required." in page
    assert f'<option value="{ann.pk}" selected>ann@x.example</option>' in page


def test_of_many_one_beyond_reach_stops_all(acme, ann):
    hr = clerk(acme, "change_user", "view_user", "view_product")
    owner, (one,) = User.objects.get(email="owner@acme.example"), lamps(1)
    answer = told(people=[ann, owner], deeds=["view_product"])
    page = act(hr, "grant", one, **answer).content.decode()
    assert "You can neither give to nor take from owner@acme.example." in page
    page = act(hr, "grant", one, **told(people=[ann], deeds=["change_product"])).content.decode()
    assert "You may not do this yourself to all of them (Products: change)." in page
    me = User.objects.get(email="clerk@x.example")
    page = act(hr, "grant", one, **told(people=[me], deeds=["view_product"])).content.decode()
    assert "You can neither give to nor take from clerk@x.example." in page
    assert not granted(one)
    give_grants(acting=owner, to=[ann], objects=[one], codenames=["change_product"])
    act(hr, "take_back", one, **told(people=[ann], deeds=["change_product"]))
    assert granted(one) == {("change_product", ann.pk)}
    assert act(hr, "grant", one, **told(people=[ann], deeds=["view_product"])).status_code == 302


def test_roles_of_ones_own_rank_or_above_are_not_offered(as_role, acme):
    [one] = lamps(1)
    admin = as_role("admin")
    page = act(admin, "grant", one).content.decode()
    assert page.count('name="roles"') == 3
    above = Role.objects.get(code="owner")
    page = act(admin, "grant", one, **told(roles=[above], deeds=["view_product"]))
    assert "Select a valid choice" in page.content.decode()
    assert not granted(one)


def test_the_actions_are_for_those_who_manage_people(as_role, acme, ann):
    [one] = lamps(1)
    manager = as_role("manager")
    assert 'value="grant"' not in manager.get(list_of(one)).content.decode()
    act(manager, "grant", one, **told(people=[ann], deeds=["view_product"]))
    assert not granted(one)
    path = f"/admin/users/role/{Role.objects.get(code='customer').pk}/grant/"
    assert manager.get(path).status_code == 403


def test_a_neighbours_people_and_objects_are_unknown(admin, acme, globex, buyers):
    [one] = lamps(1)
    with tenant_scope(globex):
        theirs = User.objects.get()
        product = Product.objects.create(name="Theirs", slug="theirs", price=1)
    page = act(admin, "grant", one, **told(people=[theirs], deeds=["view_product"]))
    assert "is not one of the available choices" in page.content.decode()
    form = {"action": "grant", "_selected_action": [str(product.pk)]}
    answer = told(roles=[buyers], deeds=["view_product"])
    admin.post(list_of(one), form | answer)
    path = f"/admin/users/role/{buyers.pk}/grant/"
    page = admin.post(path, {"product": str(product.pk), "deeds": "view"})
    assert "is not one of the available choices" in page.content.decode()
    with tenant_scope(globex):
        assert not granted(product)


def test_what_is_too_much_for_one_time_is_refused(admin, ann, bob, monkeypatch):
    monkeypatch.setattr(admin_grants, "AT_ONCE", 5)
    some = lamps(3)
    answer = told(people=[ann, bob], deeds=["view_product"])
    page = act(admin, "grant", *some, **answer).content.decode()
    assert "These are 6 grants; 5 can be changed at once." in page
    assert not granted(some[0])
    assert act(admin, "grant", *some[:2], **answer).status_code == 302


def test_the_page_names_some_and_asks_as_many_queries_for_many(admin, ann):
    some = lamps(1)
    few = count_queries(lambda: act(admin, "grant", *some))
    more = [Product.objects.create(name=f"P{n}", slug=f"p{n}", price=1) for n in range(30)]
    page = act(admin, "grant", *some, *more)
    assert "And 11 more." in page.content.decode()
    assert count_queries(lambda: act(admin, "grant", *some, *more)) == few


def test_a_role_is_granted_many_objects_of_several_kinds_on_its_page(admin, acme):
    customers = Role.objects.get(code="customer")
    path = f"/admin/users/role/{customers.pk}"
    assert f'href="{path}/grant/"' in admin.get(f"{path}/change/").content.decode()
    shelf, some = Category.objects.create(name="Lights", slug="lights"), lamps(2)
    form = {"category": str(shelf.pk), "product": [str(p.pk) for p in some]}
    answer = admin.post(f"{path}/grant/", form | {"deeds": ["view", "change"]})
    assert answer.status_code == 302
    assert granted(shelf) == {
        ("view_category", customers.uuid),
        ("change_category", customers.uuid),
    }
    both = {("view_product", customers.uuid), ("change_product", customers.uuid)}
    assert [granted(p) for p in some] == [both, both]


def test_what_cannot_be_granted_on_one_kind_stops_all(admin, acme, buyers):
    owner, (lamp,) = User.objects.get(email="owner@acme.example"), lamps(1)
    order = place_order(user=owner, items=[(lamp.pk, 1)])
    path = f"/admin/users/role/{buyers.pk}/grant/"
    page = admin.post(path, {"order": order.pk, "deeds": ["refund"]})
    assert page.status_code == 302
    assert granted(order) == {("refund_order", buyers.uuid)}
    page = admin.post(path, {"order": order.pk, "product": lamp.pk, "deeds": ["view", "refund"]})
    text = "This cannot be granted on one product: refund_product."
    assert text in page.content.decode()
    assert granted(order) == {("refund_order", buyers.uuid)}
    page = admin.post(path, {"deeds": ["view"]})
    assert "Choose at least one object." in page.content.decode()
    shelf = Category.objects.create(name="Lights", slug="lights")
    hr = clerk(acme, "change_user", "view_role", "view_category")
    page = hr.post(path, {"category": shelf.pk, "product": lamp.pk, "deeds": ["view"]})
    assert "You may not do this yourself to all of them (Products: view)." in page.content.decode()
    assert not granted(shelf)
    above = Role.objects.create(name="Above", rank=100)
    page = admin.post(f"/admin/users/role/{above.pk}/grant/", {"product": lamp.pk, "deeds": "view"})
    assert "You can neither give to nor take from the role Above." in page.content.decode()
    assert admin.get("/admin/users/role/999999/grant/").status_code == 404
