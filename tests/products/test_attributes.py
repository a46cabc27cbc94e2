"""A category's attribute schema: what it may say, what it asks of products, and typed filters."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenant_apps.products.catalogue_import import import_catalogue
from tenant_apps.products.models import Category, Product

SCHEMA = {
    "color": {"type": "choice", "choices": ["red", "blue"], "required": True},
    "size": {"type": "number", "unit": "cm"},
    "seats": {"type": "integer"},
    "outdoor": {"type": "boolean"},
    "maker": {"type": "text"},
}


@pytest.fixture
def shelf(acme) -> Category:
    return Category.objects.create(name="Lamps", slug="lamps", attribute_schema=SCHEMA)


def add(slug: str, category: Category | None = None, **attributes: object) -> Product:
    return Product.objects.create(
        name=slug, slug=slug, price=1, category=category, attributes=attributes
    )


def listed(api, query: str) -> set[str]:
    answer = api.get(f"/api/products/?{query}")
    assert answer.status_code == 200, answer.content
    return {product["slug"] for product in answer.json()["results"]}


def body(shelf: Category, **attributes: object) -> dict[str, object]:
    return {
        "name": "L",
        "slug": "l",
        "price": "1",
        "category": str(shelf.pk),
        "attributes": attributes,
    }


def errors(answer) -> set[tuple[str, str]]:
    assert answer.status_code == 400, answer.content
    return {(error["attr"].split(".")[0], error["code"]) for error in answer.json()["errors"]}


def test_a_category_tells_its_schema(owner, anonymous, acme):
    made = owner.post(
        "/api/categories/", {"name": "L", "slug": "l", "attribute_schema": SCHEMA}
    ).json()
    assert made["attribute_schema"] == SCHEMA
    assert anonymous.get(f"/api/categories/{made['id']}/").json()["attribute_schema"] == SCHEMA
    bare = owner.post("/api/categories/", {"name": "M", "slug": "m"}).json()
    assert bare["attribute_schema"] == {}


@pytest.mark.parametrize(
    "schema",
    [
        [],
        {"Color": {"type": "text"}},
        {"": {"type": "text"}},
        {"a__b": {"type": "text"}},
        {"a" * 41: {"type": "text"}},
        {"é": {"type": "text"}},
        {"a": "text"},
        {"a": {}},
        {"a": {"type": "date"}},
        {"a": {"type": ["text"]}},
        {"a": {"type": "text", "required": 1}},
        {"a": {"type": "text", "unit": ""}},
        {"a": {"type": "text", "unit": "x" * 21}},
        {"a": {"type": "text", "choices": ["x"]}},
        {"a": {"type": "text", "default": "x"}},
        {"a": {"type": "choice"}},
        {"a": {"type": "choice", "choices": []}},
        {"a": {"type": "choice", "choices": [1]}},
        {"a": {"type": "choice", "choices": ["x", "x"]}},
        {f"a{n}": {"type": "text"} for n in range(51)},
    ],
    ids=str,
)
def test_what_is_no_schema_is_refused(owner, schema):
    answer = owner.post("/api/categories/", {"name": "L", "slug": "l", "attribute_schema": schema})
    assert {attr for attr, _ in errors(answer)} == {"attribute_schema"}
    assert Category.objects.count() == 0


@pytest.mark.parametrize(
    "attributes",
    [
        {"color": "red"},
        {"color": "blue", "size": 1.5, "seats": 2, "outdoor": False, "maker": "Ann"},
        {"color": "red", "size": -3},
    ],
)
def test_attributes_as_the_schema_says_are_taken(owner, shelf, attributes):
    answer = owner.post("/api/products/", body(shelf, **attributes))
    assert (answer.status_code, answer.json()["attributes"]) == (201, attributes)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"color": "green"},
        {"color": ["red"]},
        {"color": "red", "weight": 1},
        {"color": "red", "size": "1"},
        {"color": "red", "size": True},
        {"color": "red", "seats": 1.5},
        {"color": "red", "seats": True},
        {"color": "red", "outdoor": 1},
        {"color": "red", "maker": None},
    ],
    ids=str,
)
def test_attributes_that_are_not_as_the_schema_says_are_refused(owner, shelf, attributes):
    answer = owner.post("/api/products/", body(shelf, **attributes))
    assert errors(answer) == {("attributes", "attribute")}
    assert Product.objects.count() == 0


def test_without_attributes_a_new_product_lacks_those_required(owner, shelf):
    sent = body(shelf)
    del sent["attributes"]
    assert errors(owner.post("/api/products/", sent)) == {("attributes", "attribute")}


def test_without_a_schema_whatever_attributes_stay_allowed(owner, acme):
    bare = Category.objects.create(name="Bare", slug="bare")
    assert owner.post("/api/products/", body(bare, any=[1, {"x": None}])).status_code == 201


def test_a_schema_leaves_products_there_alone_until_attributes_or_category_change(owner, shelf):
    product = add("old", shelf, weight=1)
    path = f"/api/products/{product.pk}/"
    assert owner.patch(path, {"price": "2"}).status_code == 200
    assert owner.patch(path, {"category": str(shelf.pk)}).status_code == 200
    assert errors(owner.patch(path, {"attributes": {"weight": 2}})) == {("attributes", "attribute")}
    assert owner.patch(path, {"attributes": {"color": "red"}}).status_code == 200


def test_a_product_moves_only_to_a_category_that_it_fits(owner, shelf):
    product = add("lamp", weight=1)
    path, there = f"/api/products/{product.pk}/", {"category": str(shelf.pk)}
    assert errors(owner.patch(path, there)) == {("attributes", "attribute")}
    moved = owner.patch(path, there | {"attributes": {"color": "red"}})
    assert (moved.status_code, moved.json()["category_name"]) == (200, "Lamps")
    assert owner.patch(path, {"category": None, "attributes": {"x": 1}}).status_code == 200


def test_the_admin_asks_the_same(admin, shelf):
    form = {
        "name": "L",
        "slug": "l",
        "price": "1",
        "stock": "1",
        "category": str(shelf.pk),
        "attributes": '{"color": "green"}',
        "tags": "",
        "description": "",
        "sku": "",
    }
    refused = admin.post("/admin/products/product/add/", form)
    assert "“color” must be one of its choices." in refused.content.decode()
    assert Product.objects.count() == 0
    added = admin.post("/admin/products/product/add/", form | {"attributes": '{"color": "red"}'})
    assert added.status_code == 302, added.content.decode()
    shown = admin.get(f"/admin/products/category/{shelf.pk}/change/").content.decode()
    assert "attribute_schema" in shown
    path = f"/admin/products/category/{shelf.pk}/change/"
    change = {"name": "Lamps", "slug": "lamps", "attribute_schema": '{"Big": {"type": "text"}}'}
    assert "Big: A name is 1 to 40 of a-z" in admin.post(path, change).content.decode()
    change["attribute_schema"] = '{"big": {"type": "text"}}'
    assert admin.post(path, change).status_code == 302
    shelf.refresh_from_db()
    assert shelf.attribute_schema == {"big": {"type": "text"}}


def test_in_the_admin_a_price_changes_whatever_the_schema(admin, shelf):
    product = add("old", shelf, weight=1)
    admin.post(
        "/admin/products/product/",
        {
            "form-TOTAL_FORMS": "1",
            "form-INITIAL_FORMS": "1",
            "form-0-id": str(product.pk),
            "form-0-price": "7",
            "form-0-is_active": "on",
            "_save": "Save",
        },
    )
    product.refresh_from_db()
    assert str(product.price) == "7.00"
    form = {
        "name": "Old",
        "slug": "old",
        "price": "8",
        "stock_change": "",
        "tags": "",
        "category": str(shelf.pk),
        "attributes": '{"weight": 1}',
        "is_active": "on",
    }
    saved = admin.post(f"/admin/products/product/{product.pk}/change/", form)
    assert saved.status_code == 302, saved.context["adminform"].form.errors
    product.refresh_from_db()
    assert str(product.price) == "8.00"


def test_an_import_refuses_the_line_of_a_product_that_does_not_fit(shelf):
    catalogue = b"Handle,Title,Type,Variant Price\nfine,Fine,Other,1\nlamp,Lamp,Lamps,1\n"
    progress = import_catalogue(catalogue)
    assert (progress.created, progress.refused) == (1, 1)
    refused = {"line": 3, "handle": "lamp", "reason": "“color” is required."}
    assert progress.refusals == [refused]
    assert list(Product.objects.values_list("slug", flat=True)) == ["fine"]


def options(*pairs: tuple[str, str], category: str = "Lamps") -> bytes:
    """Return a catalogue of one product, with a row for each option of the same name."""
    names = list(dict.fromkeys(name for name, _ in pairs))
    rows = [f"lamp,Lamp,{category},1" + "".join(f",{name}," for name in names)]
    for name, value in pairs:
        rows.append("lamp,,," + "".join(f",,{value if each == name else ''}" for each in names))
    columns = "".join(f",Option{n} Name,Option{n} Value" for n in range(1, len(names) + 1))
    return "\n".join([f"Handle,Title,Type,Variant Price{columns}", *rows, ""]).encode()


@pytest.mark.parametrize(
    ("pairs", "kept"),
    [
        ([("Color", "Red")], {"color": "red"}),
        ([("COLOR", "blue"), ("Size", "12")], {"color": "blue", "size": 12}),
        ([("color", "red"), ("Size", "1.5 cm")], {"color": "red", "size": 1.5}),
        ([("color", "red"), ("Seats", "-3")], {"color": "red", "seats": -3}),
        ([("color", "red"), ("Outdoor", "TRUE")], {"color": "red", "outdoor": True}),
        ([("color", "red"), ("Maker", "12")], {"color": "red", "maker": "12"}),
        ([("color", "red"), ("Shoe  Size", "XL")], {"color": "red", "shoe_size": "XL"}),
        ([("color", "red"), ("Size", "")], {"color": "red"}),
    ],
    ids=str,
)
def test_an_imported_option_is_the_attribute_that_the_category_declares(shelf, pairs, kept):
    shelf.attribute_schema |= {"shoe_size": {"type": "text"}}
    shelf.save()
    progress = import_catalogue(options(*pairs))
    assert progress.refusals == []
    assert Product.objects.get().attributes == kept


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        (
            [("Color", "Red"), ("Color", "Blue")],
            "“Color” has several values here, and one in its category: Red, Blue.",
        ),
        ([("Color", "Red"), ("color", "Blue")], "“color” has several values here"),
        ([("Color", "Green")], "“color” must be one of its choices."),
        ([("Color", "Red"), ("Size", "XL")], "“size” must be a number."),
        ([("Color", "Red"), ("Seats", "1.5")], "“seats” must be a whole number."),
        ([("Color", "Red"), ("Style", "x")], "The category has no attribute “Style”."),
        ([("Size", "3")], "“color” is required."),
    ],
)
def test_an_imported_option_that_its_category_cannot_have_is_refused_by_name(shelf, pairs, reason):
    progress = import_catalogue(options(*pairs))
    assert [(each["line"], each["handle"]) for each in progress.refusals] == [(2, "lamp")]
    assert reason in progress.refusals[0]["reason"]
    assert Product.objects.count() == 0


def test_without_a_schema_imported_options_stay_as_they_are(shelf):
    import_catalogue(options(("Color", "Red"), ("Color", "Green"), category="Other"))
    assert Product.objects.get().attributes == {"Color": ["Red", "Green"]}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("attributes.color=red", {"a", "c"}),
        ("attributes.color__in=red,blue", {"a", "b", "c"}),
        ("attributes.size=3", {"b"}),
        ("attributes.size=3.0", {"b"}),
        ("attributes.size__gte=3", {"b", "c"}),
        ("attributes.size__gt=3", {"c"}),
        ("attributes.size__lt=10", {"a", "b"}),
        ("attributes.size__lte=2.5", {"a"}),
        ("attributes.size__gte=-1&attributes.size__lt=003", {"a"}),
        ("attributes.seats__in=2,4", {"a", "b"}),
        ("attributes.outdoor=true", {"a"}),
        ("attributes.outdoor=false&attributes.color=blue", {"b"}),
        ("attributes.maker=3", {"c"}),
        ("attributes.maker=a'b\"c", set()),
        ("attributes.color=red&attributes.color=blue", set()),
    ],
)
def test_a_list_is_filtered_by_attributes_of_their_types(anonymous, shelf, query, found):
    add("a", shelf, color="red", size=2.5, seats=2, outdoor=True)
    add("b", shelf, color="blue", size=3, seats=4, outdoor=False)
    add("c", shelf, color="red", size=10, seats=6, maker="3")
    add("text", size="XL", color=True)
    add("list", size=[5])
    add("bare")
    assert listed(anonymous, query) == found


def test_a_name_of_two_types_is_found_as_either(anonymous, shelf):
    Category.objects.create(name="T", slug="t", attribute_schema={"size": {"type": "text"}})
    add("number", size=3)
    add("text", size="3")
    assert listed(anonymous, "attributes.size=3") == {"number", "text"}
    assert listed(anonymous, "attributes.size=XL") == set()
    assert listed(anonymous, "attributes.size__gte=3") == {"number"}


@pytest.mark.parametrize(
    "query",
    [
        *("attributes.weight=1", "attributes.=1", "attributes.color__gte=1", "attributes.size__=1"),
        *("attributes.size__contains=1", "attributes.size=x", "attributes.size=", "attributes=1"),
        *("attributes.size=1e5", "attributes.size__gte=%D9%A3", "attributes.size__in=1,,2"),
        *("attributes.outdoor=1", "attributes.seats__gte=NaN", "attributes.seats=1.5"),
        *("attributes.maker=" + "x" * 201, "attributes.size__gt__in=1", "attributes__size=1"),
    ],
)
def test_a_filter_by_what_no_category_declares_or_can_be_is_named(anonymous, shelf, query):
    answer = anonymous.get(f"/api/products/?{query}")
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["attr"] == query.partition("=")[0]


def test_an_exact_filter_asks_as_the_index_answers(anonymous, shelf):
    with CaptureQueriesContext(connection) as captured:
        assert listed(anonymous, "attributes.color__in=red,blue") == set()
    [asked] = [query["sql"] for query in captured if "products_product" in query["sql"]]
    assert asked.count('"attributes" @>') == 2
