"""Grants on single objects: lists, counts, search and writes agree on who may see and change."""

import pytest
from django.contrib.auth.models import AnonymousUser

from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import CatalogueReaders, PortalSettings, Role, User
from tests.api import PASSWORD, Api, code


@pytest.fixture
def closed(acme):
    """Let the catalogue be seen by those alone to whom it was granted."""
    # The settings that requests see come with the tenant; this one's are replaced for the test.
    before = dict(acme.settings)
    acme.settings["catalogue_readers"] = CatalogueReaders.GRANTED
    PortalSettings.objects.update(catalogue_readers=CatalogueReaders.GRANTED)
    from shared_apps.tenants.domain_map import domain_map

    held = domain_map.tenant_for(acme.primary_host)
    kept = dict(held.settings)
    held.settings["catalogue_readers"] = CatalogueReaders.GRANTED
    yield acme
    acme.settings.update(before)
    held.settings.update(kept)


@pytest.fixture
def shelves(acme) -> dict[str, Category]:
    """Make two shelves with two products each, one of each not on sale."""
    made = {}
    for name in ("tools", "toys"):
        shelf = made[name] = Category.objects.create(name=name, slug=name)
        for active in (True, False):
            slug = f"{name}-{'on' if active else 'off'}"
            Product.objects.create(
                name=slug, slug=slug, price=2, stock=9, category=shelf, is_active=active
            )
    return made


@pytest.fixture
def ann(acme) -> Api:
    User.objects.create_member("ann@x.example", PASSWORD, role="customer")
    return Api(acme.primary_host).signed_in("ann@x.example")


def grant(owner: Api, kind: str, one, *deeds: str, withdraw: bool = False, **to: object):
    body = {"kind": kind, "objects": [str(one.pk)], "permissions": list(deeds)}
    return owner.post("/api/grants/", body | to | {"withdraw": withdraw})


def to_ann() -> dict[str, object]:
    return {"people": [str(User.objects.get(email="ann@x.example").pk)]}


def seen(api: Api, path: str = "/api/products/") -> set[str]:
    answer = api.get(path)
    assert answer.status_code == 200, answer.content
    return {row["slug"] for row in answer.json()["results"]}


def test_without_a_grant_nothing_is_seen(closed, shelves, ann, anonymous):
    assert seen(ann) == set()
    assert seen(ann, "/api/categories/") == set()
    assert anonymous.get("/api/products/").status_code == 401
    product = Product.objects.get(slug="tools-on")
    assert ann.get(f"/api/products/{product.pk}/").status_code == 404


def test_a_grant_on_a_category_shows_its_products_that_are_on_sale(closed, shelves, owner, ann):
    assert (
        grant(owner, "category", shelves["tools"], "view_category", **to_ann()).status_code == 204
    )
    assert seen(ann) == {"tools-on"}
    assert seen(ann, "/api/products/?search=t") == {"tools-on"}
    assert seen(ann, "/api/categories/") == {"tools"}
    figures = ann.get("/api/categories/").json()["results"][0]
    assert figures["products_count"] == 1
    assert ann.get("/api/products/popular/").json()[0]["slug"] == "tools-on"
    hidden = Product.objects.get(slug="toys-on")
    assert ann.get(f"/api/products/{hidden.pk}/").status_code == 404
    refused = ann.post("/api/orders/", {"items": [{"product": str(hidden.pk), "quantity": 1}]})
    assert (refused.status_code, code(refused)) == (409, "product_not_on_sale")
    shown = Product.objects.get(slug="tools-on")
    placed = ann.post("/api/orders/", {"items": [{"product": str(shown.pk), "quantity": 1}]})
    assert placed.status_code == 201


def test_a_grant_to_a_role_is_its_members_and_ends_with_it(closed, shelves, owner, ann):
    buyers = Role.objects.create(name="Buyers", rank=20)
    to_role = {"roles": [str(buyers.uuid)]}
    toy = Product.objects.get(slug="toys-on")
    assert grant(owner, "product", toy, "view_product", **to_role).status_code == 204
    assert seen(ann) == set()
    User.objects.get(email="ann@x.example").groups.add(buyers)
    assert seen(ann) == {"toys-on"}
    assert grant(owner, "product", toy, "view_product", withdraw=True, **to_role).status_code == 204
    assert seen(ann) == set()


def test_whoever_may_change_a_category_changes_its_products_and_no_others(
    closed, shelves, owner, ann
):
    grant(owner, "category", shelves["tools"], "view_category", "change_category", **to_ann())
    assert seen(ann) == {"tools-on", "tools-off"}
    off = Product.objects.get(slug="tools-off")
    assert ann.patch(f"/api/products/{off.pk}/", {"price": "3.00"}).status_code == 200
    assert ann.patch(f"/api/categories/{shelves['tools'].pk}/", {"name": "T"}).status_code == 200
    toy = Product.objects.get(slug="toys-on")
    assert ann.patch(f"/api/products/{toy.pk}/", {"price": "3.00"}).status_code == 404
    # Nor is it moved to a shelf that is not theirs, nor deleted, nor a new one made.
    moved = ann.patch(f"/api/products/{off.pk}/", {"category": str(shelves["toys"].pk)})
    assert (moved.status_code, code(moved)) == (400, "does_not_exist")
    assert ann.delete(f"/api/products/{off.pk}/").status_code == 403
    body = {"name": "n", "slug": "n", "price": "1.00"}
    assert ann.post("/api/products/", body).status_code == 403


@pytest.mark.parametrize("readers", CatalogueReaders.values)
def test_on_sale_to_somebody_is_what_they_see_of_what_is_on_sale(
    request, monkeypatch, readers, acme, shelves, owner, ann
):
    if readers == CatalogueReaders.GRANTED:
        request.getfixturevalue("closed")
    else:
        monkeypatch.setitem(acme.settings, "catalogue_readers", readers)
    me = User.objects.get(email="ann@x.example")
    people = [AnonymousUser(), me, User.objects.get(email="owner@acme.example")]

    def check() -> None:
        for user in people:
            seen = set(Product.objects.on_sale().visible_to(user))
            assert set(Product.objects.on_sale_to(user)) == seen

    check()
    for deed, shelf in (("view", "tools"), ("change", "toys")):
        grant(owner, "category", shelves[shelf], f"{deed}_category", **to_ann())
        check()
    assert len(Product.objects.on_sale_to(me)) == 2


def test_seeing_is_not_changing(closed, shelves, owner, ann):
    tool = Product.objects.get(slug="tools-on")
    grant(owner, "product", tool, "view_product", **to_ann())
    assert ann.get(f"/api/products/{tool.pk}/").status_code == 200
    assert ann.patch(f"/api/products/{tool.pk}/", {"price": "3.00"}).status_code == 403
    assert ann.delete(f"/api/products/{tool.pk}/image/").status_code == 403


def test_an_order_is_shown_to_whom_it_was_granted(owner, ann, acme, shelves):
    me = User.objects.get(email="owner@acme.example")
    order = place_order(user=me, items=[(Product.objects.get(slug="tools-on").pk, 1)])
    path = f"/api/orders/{order.pk}/"
    assert ann.get(path).status_code == 404
    grant(owner, "order", order, "view_order", **to_ann())
    assert ann.get(path).status_code == 200
    assert ann.post(f"{path}pay/").status_code == 403
    grant(owner, "order", order, "change_order", **to_ann())
    assert ann.post(f"{path}pay/").json()["status"] == "paid"
    assert ann.post(f"{path}refund/").status_code == 403
    assert Order.objects.get().status == "paid"


def test_nobody_grants_what_they_may_not_do_themselves(owner, acme, shelves):
    clerk_role = Role.objects.create(name="Clerks", rank=60)
    from django.contrib.auth.models import Permission

    clerk_role.permissions.set(Permission.objects.filter(codename="change_user"))
    clerk = User.objects.create_member("clerk@x.example", PASSWORD, role="customer")
    clerk.groups.add(clerk_role)
    api = Api(acme.primary_host).signed_in("clerk@x.example")
    User.objects.create_member("ann@x.example", PASSWORD, role="customer")
    tools = shelves["tools"]
    refused = grant(api, "category", tools, "view_category", **to_ann())
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    grant(owner, "category", tools, "view_category", people=[str(clerk.pk)])
    assert grant(api, "category", tools, "view_category", **to_ann()).status_code == 204
    refused = grant(api, "category", tools, "change_category", **to_ann())
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")
    refused = grant(api, "category", tools, "view_category", people=[str(clerk.pk)])
    assert (refused.status_code, code(refused)) == (403, "beyond_reach")


def test_many_are_granted_at_once_all_or_none(closed, shelves, owner, ann):
    body = {
        "kind": "product",
        "objects": [str(p.pk) for p in Product.objects.all()],
        "permissions": ["view_product"],
        **to_ann(),
    }
    assert owner.post("/api/grants/", body).status_code == 204
    assert owner.post("/api/grants/", body).status_code == 204
    assert seen(ann) == {"tools-on", "toys-on"}
    missing = body | {"objects": [*body["objects"], str(shelves["toys"].pk)], "withdraw": True}
    assert owner.post("/api/grants/", missing).status_code == 404
    assert seen(ann) == {"tools-on", "toys-on"}


def test_what_is_granted_is_listed_and_explained(closed, shelves, owner, ann):
    tools = shelves["tools"]
    grant(owner, "category", tools, "view_category", **to_ann())
    person = to_ann()["people"][0]
    listed = owner.get("/api/grants/", {"kind": "category", "object": str(tools.pk)}).json()
    assert listed == [{"permission": "view_category", "person": person, "role": None}]
    product = Product.objects.get(slug="tools-on")
    asked = {"permission": "products.view_product", "kind": "product", "object": str(product.pk)}
    answer = owner.get(f"/api/users/{person}/why/", asked).json()
    assert answer["allowed"] is True
    assert answer["reasons"][0]["kind"] == "grant"
    assert "category tools" in answer["reasons"][0]["text"]


def test_why_knows_what_is_open_to_everybody(acme, owner, ann):
    lamp = Product.objects.create(name="Lamp", slug="lamp", price=1)
    path = f"/api/users/{to_ann()['people'][0]}/why/"
    asked = {"permission": "products.view_product", "kind": "product", "object": str(lamp.pk)}
    answer = owner.get(path, asked).json()
    assert [(answer["allowed"], r["kind"]) for r in answer["reasons"]] == [(True, "open")]
    assert owner.get(path, {"permission": "products.view_product"}).json()["allowed"] is False


def test_grants_go_with_their_object(shelves, owner, ann):
    from tenant_apps.users.roles.objects import person_grants

    tools = shelves["tools"]
    grant(owner, "category", tools, "view_category", **to_ann())
    assert person_grants(Category).count() == 1
    Product.objects.filter(category=tools).delete()
    tools.delete()
    assert person_grants(Category).count() == 0


def test_an_attribute_that_only_a_hidden_category_declares_is_unknown(closed, shelves, ann, owner):
    Category.objects.filter(slug="tools").update(attribute_schema={"size": {"type": "number"}})
    query = "/api/products/?attributes.size=3"
    assert owner.get(query).status_code == 200
    refused = ann.get(query)
    assert (refused.status_code, code(refused)) == (400, "unknown_attribute")
    grant(owner, "category", shelves["tools"], "view_category", **to_ann())
    assert ann.get(query).status_code == 200
