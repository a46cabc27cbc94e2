"""Searching the catalogue: beginnings of words, accents, typing errors, and what comes first."""

import pytest
from django.db import connection

from tenant_apps.products.models import Product


def add(slug: str, name: str = "", description: str = "") -> Product:
    return Product.objects.create(
        name=name or slug.title(), slug=slug, price=1, description=description
    )


def found(api, search: str, **parameters: str) -> list[str]:
    answer = api.get("/api/products/", {"search": search, **parameters})
    assert answer.status_code == 200, answer.content
    return [product["slug"] for product in answer.json()["results"]]


@pytest.mark.parametrize(
    "search",
    [
        *(
            "ladder",
            "LADDER",
            "lad",
            "oak ladder",
            "steps",
            "ladder steps",
            "a-100",
            "A 100",
            "3.5",
        ),
        *("eche", "échelle", "ECHELLE", "uber", "Über", "gross", "node js", "d'oak"),
        *("lader", "ladders", "laddr", "laddar", "laddre", "échele"),
    ],
)
def test_words_their_beginnings_and_small_errors_are_found(anonymous, acme, search):
    add("it", "Oak Ladder A-100 Échelle Über groß node.js d'Oak", "With 3.5 steps")
    assert found(anonymous, search) == ["it"]


@pytest.mark.parametrize(
    "search",
    [
        "adder",
        "ladder rope",
        "lxx",
        "land",
        "hammer",
        "stepz",
        "---",
        "'",
        "\\",
        "& | !",
        "€",
        "':*",
    ],
)
def test_what_is_not_there_is_not_found(anonymous, acme, search):
    add("it", "Oak Ladder", "With steps")
    assert found(anonymous, search) == []


def test_the_name_comes_before_the_description_and_both_before_what_is_alike(anonymous, acme):
    add("name", "Ladder", "of oak")
    add("described", "Steps", "like a ladder")
    add("alike", "Lader", "of pine")
    add("other", "Rope")
    assert found(anonymous, "ladder") == ["name", "described", "alike"]
    assert found(anonymous, "ladder", ordering="name") == ["name", "alike", "described"]
    assert found(anonymous, "ladder", ordering="-created_at") == ["alike", "described", "name"]


def test_the_words_themselves_come_before_what_is_alike_however_far_apart_they_stand(
    anonymous, acme
):
    add("far", "Chest", f"Of oak, {'well made ' * 100} like a ladder")
    add("alike", "Oak Lader")
    assert found(anonymous, "oak ladder") == ["far", "alike"]


def test_of_equal_matches_the_newest_comes_first_on_every_page(anonymous, acme):
    slugs = [f"lamp-{n}" for n in range(25)]
    for slug in slugs:
        add(slug, "Lamp")
    seen, url = [], "/api/products/?search=lamp&page_size=10"
    while url:
        page = anonymous.get(url).json()
        seen += [product["slug"] for product in page["results"]]
        url = page["next"]
    assert seen == slugs[::-1]


def test_a_changed_name_is_found_and_the_old_one_is_not(owner, acme):
    product = add("it", "Ladder")
    assert owner.patch(f"/api/products/{product.pk}/", {"name": "Hammer"}).status_code == 200
    assert (found(owner, "hammer"), found(owner, "ladder")) == (["it"], [])


def test_the_page_of_the_catalogue_finds_the_same_in_the_same_order(anonymous, acme):
    add("name", "Ladder")
    add("described", "Steps", "like a lädder")
    add("alike", "Lader")
    page = anonymous.get("/?search=ladder").content.decode()
    places = [page.find(f"/{slug}/") for slug in ("name", "described", "alike")]
    assert places == sorted(places)
    assert min(places) > 0
    dearest = anonymous.get("/?search=ladder&order=name").content.decode()
    assert dearest.find("/alike/") < dearest.find("/described/")


def test_both_kinds_of_match_use_the_index(acme):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
    plan = Product.objects.all().matching("ladder").order_by().explain()
    assert plan.count("Bitmap Index Scan on product_search") == 2


def test_lists_do_not_fetch_what_only_searching_needs(anonymous, acme):
    from django.test.utils import CaptureQueriesContext

    add("it", "Ladder")
    with CaptureQueriesContext(connection) as captured:
        assert found(anonymous, "ladder") == ["it"]
        anonymous.get("/api/products/")
    listing = [query["sql"] for query in captured if "products_product" in query["sql"]]
    assert len(listing) >= 2
    assert not any(', "products_product"."search"' in sql for sql in listing)
