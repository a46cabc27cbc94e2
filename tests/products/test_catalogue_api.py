"""The catalogue's API: who reads it, who keeps it, and what it refuses."""

from decimal import Decimal

import pytest

from tenant_apps.products.models import Category, Product
from tenant_apps.products.tasks import write_views
from tenant_apps.users.models import CatalogueReaders, PortalSettings
from tests.api import code, count_queries


def add(slug: str = "lamp", **values: object) -> Product:
    return Product.objects.create(**{"name": slug.title(), "slug": slug, "price": 10, **values})


def listed(api, query: str = "") -> list[str]:
    answer = api.get(f"/api/products/{query}")
    assert answer.status_code == 200, answer.content
    return [product["slug"] for product in answer.json()["results"]]


def test_a_product_shows_everything_the_document_asks_for(anonymous, acme):
    shelf = Category.objects.create(name="Lights", slug="lights")
    product = add(category=shelf, attributes={"color": "red"}, tags=["new"], sku="L1", stock=4)
    answer = anonymous.get(f"/api/products/{product.pk}/").json()
    assert answer["category_name"] == "Lights"
    assert (answer["price"], answer["stock"], answer["sku"]) == ("10.00", 4, "L1")
    assert (answer["attributes"], answer["tags"]) == ({"color": "red"}, ["new"])
    assert answer["id"] == str(product.pk)


def test_a_product_without_a_category_says_so(anonymous, acme):
    answer = anonymous.get(f"/api/products/{add().pk}/").json()
    assert (answer["category"], answer["category_name"]) == (None, None)


def test_deleting_a_category_leaves_its_products(owner, acme):
    shelf = Category.objects.create(name="Lights", slug="lights")
    product = add(category=shelf)
    assert owner.delete(f"/api/categories/{shelf.pk}/").status_code == 204
    product.refresh_from_db()
    assert product.category_id is None


def test_what_is_not_active_exists_only_for_whoever_keeps_the_catalogue(anonymous, owner, member):
    product = add(is_active=False)
    for reader in (anonymous, member("customer")):
        assert listed(reader) == []
        assert reader.get(f"/api/products/{product.pk}/").status_code == 404
    assert listed(owner) == ["lamp"]


def test_a_members_only_catalogue_is_closed_to_visitors(portal):
    from shared_apps.tenants.domain_map import load_tenant
    from shared_apps.tenants.scope import tenant_scope
    from tests.api import Api

    tenant = portal()
    with tenant_scope(tenant):
        add()
        settings = PortalSettings.objects.get()
        settings.catalogue_readers = CatalogueReaders.MEMBERS
        settings.store()
    assert load_tenant(tenant.id).settings["catalogue_readers"] == "members"
    anonymous = Api(tenant.primary_host)
    for path in ("products/", "categories/", "products/popular/"):
        assert anonymous.get(f"/api/{path}").status_code == 401
    assert b"Lamp" not in anonymous.get("/").content
    owner = anonymous.signed_in(f"owner@{tenant.primary_host.split('.')[0]}.example")
    assert listed(owner) == ["lamp"]


@pytest.mark.parametrize(("role", "status"), [("customer", 403), ("staff", 201), ("admin", 201)])
def test_only_roles_with_the_permission_add_products(member, role, status):
    api = member(role)
    body = {"name": "Lamp", "slug": "lamp", "price": "1.00"}
    assert api.post("/api/products/", body).status_code == status


def test_a_visitor_adds_nothing(anonymous):
    body = {"name": "Lamp", "slug": "lamp", "price": "1.00"}
    assert anonymous.post("/api/products/", body).status_code == 401
    assert Product.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"price": "0"}, "price"),
        ({"price": "-1"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"slug": "not a slug"}, "slug"),
        ({"attributes": [1]}, "attributes"),
        ({"tags": ["x" * 51]}, "tags.0"),
        ({"stock": -1}, "stock"),
        ({"category": "00000000-0000-0000-0000-000000000000"}, "category"),
        ({"views": 9}, "views"),
        ({"tenant": "globex"}, "tenant"),
    ],
)
def test_bad_values_are_named_and_change_nothing(owner, change, attr):
    answer = owner.post("/api/products/", {"name": "L", "slug": "l", "price": "1"} | change)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr
    assert Product.objects.count() == 0


def test_the_database_itself_refuses_a_price_of_nothing(acme):
    from django.db import IntegrityError, transaction

    with pytest.raises(IntegrityError, match="product_price_is_positive"), transaction.atomic():
        add(price=0)


def test_lists_can_be_filtered_searched_and_ordered(anonymous, acme):
    lights = Category.objects.create(name="Lights", slug="lights")
    add("lamp", price=30, category=lights, tags=["home"], description="Warm glow")
    add("rope", price=5)
    add("bulb", price=2, category=lights)
    assert listed(anonymous, f"?category={lights.pk}&ordering=price") == ["bulb", "lamp"]
    assert listed(anonymous, "?search=glow") == ["lamp"]
    assert listed(anonymous, "?ordering=-price") == ["lamp", "rope", "bulb"]
    assert listed(anonymous, "?price_min=3&price_max=10") == ["rope"]
    assert listed(anonymous, "?tag=home") == ["lamp"]
    assert listed(anonymous) == ["bulb", "rope", "lamp"]


def test_pages_by_cursor_show_every_row_once(anonymous, acme):
    Product.objects.bulk_create(
        Product(name=f"p{n}", slug=f"p{n}", price=n % 3 + 1) for n in range(25)
    )
    for ordering in ("price", "-created_at", "name"):
        seen: list[str] = []
        url = f"/api/products/?ordering={ordering}&page_size=10"
        while url:
            page = anonymous.get(url).json()
            seen += [product["slug"] for product in page["results"]]
            url = page["next"]
        assert len(seen) == len(set(seen)) == 25


def test_a_page_has_at_most_a_hundred_rows(anonymous, acme):
    Product.objects.bulk_create(Product(name="p", slug=f"p{n}", price=1) for n in range(120))
    assert len(listed(anonymous, "?page_size=100")) == 100
    for size in ("101", "1000000000", "00000010000000"):
        assert anonymous.get(f"/api/products/?page_size={size}").status_code == 400


def test_the_number_of_queries_does_not_grow_with_the_rows(anonymous, acme):
    def queries() -> int:
        return count_queries(lambda: listed(anonymous, "?page_size=100"))

    shelf = Category.objects.create(name="s", slug="s")
    add("one", category=shelf)
    few = queries()
    Product.objects.bulk_create(
        Product(name="p", slug=f"p{n}", price=1, category=shelf) for n in range(60)
    )
    assert queries() == few


def test_categories_come_with_the_count_and_average_price_of_active_products(anonymous, acme):
    shelf = Category.objects.create(name="Lights", slug="lights")
    Category.objects.create(name="Void", slug="void")
    add("a", price=Decimal("1.00"), category=shelf)
    add("b", price=Decimal("2.00"), category=shelf)
    add("c", price=Decimal("90.00"), category=shelf, is_active=False)
    answer = anonymous.get("/api/categories/").json()["results"]
    assert [(c["slug"], c["products_count"], c["avg_price"]) for c in answer] == [
        ("lights", 2, "1.50"),
        ("void", 0, None),
    ]


def test_the_most_viewed_products_come_first_among_the_popular(anonymous, acme):
    add("cold")
    hot = add("hot")
    add("hidden", is_active=False, views=99)
    anonymous.get(f"/api/products/{hot.pk}/")
    write_views.run()
    popular = anonymous.get("/api/products/popular/").json()
    assert [(p["slug"], p["views"]) for p in popular] == [("hot", 1), ("cold", 0)]


def test_favorites_are_ones_own(member, anonymous):
    product = add()
    ann, ben = member("customer", "ann@acme.example"), member("customer", "ben@acme.example")
    path = f"/api/products/{product.pk}/favorite/"
    for _ in range(2):
        answer = ann.post(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "added"})
    mine = lambda api: [p["slug"] for p in api.get("/api/products/favorites/").json()["results"]]  # noqa: E731
    assert (mine(ann), mine(ben)) == (["lamp"], [])
    assert ann.delete(path).status_code == 204
    assert mine(ann) == []
    assert anonymous.post(path).status_code == 401
    assert anonymous.get("/api/products/favorites/").status_code == 401


def test_a_neighbours_product_does_not_exist(anonymous, globex):
    from shared_apps.tenants.scope import tenant_scope

    with tenant_scope(globex):
        theirs = add("theirs")
    answer = anonymous.get(f"/api/products/{theirs.pk}/")
    assert (answer.status_code, code(answer)) == (404, "not_found")
    assert listed(anonymous) == []


def test_the_front_page_shows_the_catalogue(anonymous, acme):
    add("lamp", price=Decimal("12.50"))
    page = anonymous.get("/").content.decode()
    assert "<h1>Acme</h1>" in page
    assert "12.50 EUR" in page


def test_changing_a_price_does_not_undo_an_order_placed_meanwhile(owner, acme, monkeypatch):
    """The caller's body may take as long as they like: what is not in it is not written."""
    product = add(stock=10)
    original = Product.save

    def slow_save(self, *args, **kwargs):
        Product.objects.take_stock({product.pk: 4})
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Product, "save", slow_save)
    assert owner.patch(f"/api/products/{product.pk}/", {"price": "2.00"}).status_code == 200
    changed = Product.objects.get(pk=product.pk)
    assert (str(changed.price), changed.stock) == ("2.00", 6)
    assert changed.updated_at > product.updated_at


def test_of_two_who_take_one_slug_at_once_the_second_is_told(owner, acme, monkeypatch):
    from rest_framework.validators import UniqueValidator

    add("lamp")
    monkeypatch.setattr(UniqueValidator, "__call__", lambda *args: None)
    answer = owner.post("/api/products/", {"name": "L", "slug": "lamp", "price": "1"})
    assert (answer.status_code, code(answer)) == (409, "conflict")


@pytest.mark.parametrize("attributes", [{"a": "\x00"}, {"a\x00": 1}, [1], "x", None])
def test_attributes_that_cannot_be_kept_are_refused(owner, attributes):
    body = {"name": "L", "slug": "l", "price": "1", "attributes": attributes}
    assert owner.post("/api/products/", body).status_code == 400
