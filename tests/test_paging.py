"""Pages by cursor: whoever walks a list meets every row that was there all along, once."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.core.signing import Signer
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from tenant_apps.integrations.models import Job
from tenant_apps.products.models import Category, Favorite, Product
from tenant_apps.users.api_keys.issuing import issue
from tenant_apps.users.invitations.inviting import invite
from tenant_apps.users.models import RefreshFamily, Role, User
from tests.api import Api, code
from tests.orders.test_placing import place
from tests.test_openapi import operations

ALIKE = datetime(2026, 1, 1, tzinfo=UTC)
PRODUCTS = "/api/products/"


def add(numbers: Any, **values: Any) -> list[Product]:
    """Add products, some alike in price, some in name."""
    return Product.objects.bulk_create(
        Product(**{"name": f"Lamp {n % 5}", "slug": f"p{n}", "price": n % 3 + 1} | values)
        for n in numbers
    )


def pages(api: Api, url: str, way: str = "next") -> Iterator[Any]:
    while url:
        answer = api.get(url)
        assert answer.status_code == 200, answer.content
        yield answer.json()
        url = answer.json()[way]


def walked(api: Api, url: str) -> list[str]:
    return [row["id"] for page in pages(api, url) for row in page["results"]]


def ids(products: Any) -> list[str]:
    return [str(product.pk) for product in products]


def cursor_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["cursor"][0]


@pytest.mark.parametrize(
    "ordering",
    [
        *("price", "-price", "name", "-name", "created_at", "-created_at"),
        *("price,-created_at", "-price,name", "name,-price,created_at"),
    ],
)
def test_rows_that_come_and_go_meanwhile_neither_hide_nor_repeat_another(anonymous, ordering):
    stay, go = add(range(0, 100, 2)), add(range(1, 100, 2))
    seen: list[str] = []
    url = f"{PRODUCTS}?ordering={ordering}&page_size=7"
    for n, page in enumerate(pages(anonymous, url)):
        seen += [row["id"] for row in page["results"]]
        if n < 10:
            # Of each name and price, and so before, in and after what was seen.
            add(range(1000 + 15 * n, 1015 + 15 * n))
            for product in (go.pop(), go.pop(0), go.pop(len(go) // 2)):
                product.delete()
    assert n >= 10
    assert len(set(seen)) == len(seen)
    assert set(ids(stay)) <= set(seen)


@pytest.mark.parametrize("ordering", ["created_at", "-created_at", "-price", "price,-created_at"])
def test_two_and_a_half_thousand_rows_that_are_alike_are_walked_whole(anonymous, acme, ordering):
    made = add(range(2500), price=1)
    Product.objects.update(created_at=ALIKE)
    found = walked(anonymous, f"{PRODUCTS}?ordering={ordering}&page_size=100")
    assert found == sorted(ids(made), reverse=ordering.startswith("-"))


@pytest.mark.parametrize("field", ["created_at", "price", "name"])
def test_an_order_of_two_directions_is_kept_across_pages(anonymous, acme, field):
    add(range(40))
    rows = [
        row
        for page in pages(anonymous, f"{PRODUCTS}?ordering=price,-{field},name&page_size=3")
        for row in page["results"]
    ]
    by_id = sorted(rows, key=lambda row: row["id"])
    by_name = sorted(by_id, key=lambda row: row["name"])
    by_field = sorted(by_name, key=lambda row: row[field], reverse=True)
    assert len(rows) == 40
    assert rows == sorted(by_field, key=lambda row: float(row["price"]))


def test_a_field_that_is_named_again_and_again_orders_once(anonymous, acme):
    add(range(10))
    url = f"{PRODUCTS}?page_size=4&ordering=price,-name"
    assert walked(anonymous, url + ",-price,name" * 300) == walked(anonymous, url)


def test_what_a_search_found_is_walked_whole_however_alike(anonymous, acme):
    add(range(100), name="Oak ladder")
    add(range(100, 150), name="Rope", description="for a ladder")
    add(range(150, 160), name="Lader")
    add(range(160, 170), name="Rope")
    seen = [
        row["slug"]
        for page in pages(anonymous, f"{PRODUCTS}?search=ladder&page_size=9")
        for row in page["results"]
    ]
    newest_first = [*range(99, -1, -1), *range(149, 99, -1), *range(159, 149, -1)]
    assert seen == [f"p{n}" for n in newest_first]


def some_of_each(owner: Api) -> dict[str, str]:
    """Make four rows or more for each list; return what paths name."""
    user = User.objects.get(email="owner@acme.example")
    for n, product in enumerate(add(range(4), stock=99)):
        Category.objects.create(name=f"Shelf {n}", slug=f"s{n}")
        Favorite.objects.create(user=user, product=product)
        assert place(owner, (product.pk, 1)).status_code == 201
        Job.objects.create(kind="catalogue_import", filename=f"{n}.csv")
        User.objects.create_member(f"p{n}@x.example", None, role="customer")
        RefreshFamily.objects.open(pk=uuid4(), user=user, jti=str(n))
        role = Role.objects.create(name=f"Own {n}", rank=n + 1)
        issue(acting=user, name=f"key {n}", role=role, scopes=["products:read"])
        invite(acting=user, email=f"i{n}@x.example", roles=[role])
    return {"/api/roles/{id}/members/": str(Role.objects.get(code="customer").uuid)}


def lists() -> dict[str, Any]:
    return {
        path: operation
        for _, path, operation in operations("acme.localhost")
        if any(each["name"] == "cursor" for each in operation.get("parameters", []))
    }


def orderings(operation: Any) -> list[str]:
    """Return those that the document declares, each up and down; none: the list's own."""
    found = [each for each in operation["parameters"] if each["name"] == "ordering"]
    names = found[0]["schema"]["pattern"].partition("-?(?:")[2].partition(")")[0] if found else ""
    return [
        "",
        *(f"?ordering={way}{name}" for name in names.split("|") if name for way in ("", "-")),
    ]


def test_every_list_is_walked_there_and_back_in_every_order(owner):
    names = some_of_each(owner)
    assert len(lists()) >= 11
    for path, operation in lists().items():
        url = path.replace("{id}", names.get(path, ""))
        for ordering in orderings(operation):
            whole = [row["id"] for row in owner.get(url + ordering).json()["results"]]
            assert len(whole) == len(set(whole)) > 3
            there = f"{url}{ordering or '?'}&page_size=3"
            forward = list(pages(owner, there))
            assert [row["id"] for page in forward for row in page["results"]] == whole, there
            back = list(pages(owner, forward[-2]["next"], "previous"))
            assert [page["results"] for page in reversed(back)] == [
                page["results"] for page in forward
            ], there
            assert (forward[0]["previous"], forward[-1]["next"], back[-1]["previous"]) == (
                None,
            ) * 3


def viewsets(patterns: Any) -> Iterator[Any]:
    for pattern in patterns:
        yield from viewsets(getattr(pattern, "url_patterns", ()))
        yield getattr(getattr(pattern, "callback", None), "cls", None)


def test_no_list_is_ordered_by_what_may_be_null(acme):
    """No row comes before or after NULL: a walk would end there."""
    found = {
        (view.queryset.model, name)
        for view in viewsets(get_resolver("config.urls_tenant").url_patterns)
        for name in getattr(view, "ordering_fields", ())
    }
    assert len(found) >= 10
    assert [each for each in found if each[0]._meta.get_field(each[1]).null] == []


def test_going_back_from_where_all_rows_are_gone_leads_to_those_before(anonymous, acme):
    made = ids(add(range(6)))
    first = anonymous.get(f"{PRODUCTS}?ordering=created_at&page_size=3").json()
    Product.objects.filter(pk__in=made[3:]).delete()
    empty = anonymous.get(first["next"]).json()
    assert (empty["results"], empty["next"]) == ([], None)
    back = anonymous.get(empty["previous"]).json()
    assert ([row["id"] for row in back["results"]], back["next"]) == (made[:3], None)
    add([6])
    Product.objects.filter(pk__in=made).delete()
    nothing = anonymous.get(empty["previous"]).json()
    assert [row["slug"] for row in nothing["results"]] == ["p6"]


def test_going_on_from_before_the_first_row_leads_to_those_after(anonymous, acme):
    made = ids(add(range(6)))
    url = f"{PRODUCTS}?ordering=created_at&page_size=3"
    second = anonymous.get(anonymous.get(url).json()["next"]).json()
    Product.objects.filter(pk__in=made[:3]).delete()
    empty = anonymous.get(second["previous"]).json()
    assert (empty["results"], empty["previous"]) == ([], None)
    assert [row["id"] for row in anonymous.get(empty["next"]).json()["results"]] == made[3:]


def test_a_cursor_is_good_for_its_list_in_its_order_only(owner, acme):
    add(range(3))
    Category.objects.create(name="a", slug="a"), Category.objects.create(name="b", slug="b")
    url = f"{PRODUCTS}?ordering=name&page_size=1"
    cursor = cursor_of(owner.get(url).json()["next"])
    assert owner.get(f"{url}&cursor={cursor}").status_code == 200
    for other in (
        *("products/?ordering=-name", "products/?ordering=price", "products/?ordering=name,price"),
        *(
            "products/?page_size=1",
            "products/?ordering=name&search=lamp",
            "categories/?page_size=1",
        ),
        *("products/favorites/?ordering=name", "users/?ordering=email"),
    ):
        answer = owner.get(f"/api/{other}&cursor={cursor}")
        expected = 200 if "search" in other else 404
        assert (other, answer.status_code) == (other, expected)


def forged(position: Any) -> str:
    return urlsafe_b64encode(json.dumps([False, position]).encode()).decode().rstrip("=")


POSITIONS: list[Any] = [
    *(None, [], {}, 1, ["x"], [None, None], [1e400, 1], ["NaN", "NaN"], [{}, []]),
    *(["9" * 400, "1"], ["99999-01-01", "x"], ["a\x00b", "x"]),
]
FORGED = [
    *("", "x", ":", "%ff:%fe", "é:é", "=" * 9, "A" * 3000, "cD0lMDA%3D", ".x:y"),
    *(forged(position) + signature for position in POSITIONS for signature in ("", ":", ":x")),
]


@pytest.mark.parametrize("cursor", FORGED)
@pytest.mark.parametrize("path", ["products", "categories", "roles"])
def test_a_cursor_that_nobody_gave_out_is_a_404(owner, path, cursor):
    answer = owner.get(f"/api/{path}/?cursor={cursor}")
    assert (answer.status_code, code(answer)) == (404, "not_found")


def test_nul_in_a_cursor_is_refused_as_anywhere(anonymous):
    answer = anonymous.get(f"{PRODUCTS}?cursor=a:%00")
    assert (answer.status_code, code(answer)) == (400, "nul")


def test_a_cursor_that_was_tampered_with_is_a_404(anonymous, acme):
    add(range(3))
    cursor = cursor_of(anonymous.get(f"{PRODUCTS}?page_size=1").json()["next"])
    assert anonymous.get(PRODUCTS, {"cursor": cursor}).status_code == 200
    content, _, signature = cursor.rpartition(":")
    swapped = content.swapcase()
    for other in (f"{swapped}:{signature}", f"{content}:{signature[::-1]}", content, cursor[:-1],
                  Signer(salt="other").sign_object([False, ["1", "2"]])):  # fmt: skip
        assert anonymous.get(PRODUCTS, {"cursor": other}).status_code == 404


def test_a_page_begins_in_the_index_among_however_many_alike(anonymous, acme):
    add(range(300))
    Product.objects.update(created_at=ALIKE)
    link = anonymous.get(f"{PRODUCTS}?page_size=100").json()["next"]
    with CaptureQueriesContext(connection) as captured:
        assert len(anonymous.get(link).json()["results"]) == 100
    (listing,) = [q["sql"] for q in captured if 'FROM "products_product"' in q["sql"]]
    with connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan", "sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN (COSTS OFF) {listing}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "using product_newest" in plan
    assert "Index Cond: (ROW(created_at, id) <" in plan
    assert "Sort" not in plan


def counted(api: Api, url: str) -> tuple[int | None, int]:
    """Return what the answer counts, and how many counts were asked of the database."""
    with CaptureQueriesContext(connection) as captured:
        answer = api.get(url)
    assert answer.status_code == 200, answer.content
    return answer.json().get("count"), sum("SELECT COUNT(" in q["sql"] for q in captured)


def test_rows_are_counted_when_asked_for_as_the_caller_sees_them(owner, anonymous):
    add(range(30))
    add(range(30, 35), is_active=False)
    for url in (PRODUCTS, f"{PRODUCTS}?count=false"):
        assert counted(owner, url) == (None, 0)
    assert counted(owner, f"{PRODUCTS}?count=true") == (35, 1)
    assert counted(anonymous, f"{PRODUCTS}?count=true&page_size=7") == (30, 1)
    assert counted(anonymous, f"{PRODUCTS}?count=true&price_min=3") == (10, 1)
    assert counted(anonymous, f"{PRODUCTS}?count=true&search=nothing") == (0, 1)
    page = anonymous.get(f"{PRODUCTS}?count=true&page_size=20").json()
    assert counted(anonymous, page["next"]) == (30, 1)


def test_every_list_counts(owner):
    names = some_of_each(owner)
    for path in lists():
        answer = owner.get(path.replace("{id}", names.get(path, "")) + "?count=true").json()
        assert (path, answer["count"]) == (path, len(answer["results"]))


@pytest.mark.parametrize("value", ["", "True", "1", "yes", "exact"])
def test_what_is_neither_true_nor_false_is_no_wish_to_count(owner, value):
    answer = owner.get(f"{PRODUCTS}?count={value}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "count")


def test_another_count_is_another_answer(owner):
    add(range(3))
    url = f"{PRODUCTS}?ordering=created_at&page_size=1&count=true"
    tag = owner.get(url)["ETag"]
    assert owner.get(url, headers={"If-None-Match": tag}).status_code == 304
    add([9])
    assert owner.get(url, headers={"If-None-Match": tag}).json()["count"] == 4
