"""``?fields=``: answers with what is asked for, that are what they say and cost no more."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenant_apps.products.models import Product
from tenant_apps.products.tasks import write_views
from tests.api import Api, code
from tests.isolation.test_authorisation import fill
from tests.orders.test_placing import add
from tests.test_conditional import change, read
from tests.test_openapi import document, operations, resolved
from tests.test_paging import some_of_each


def sparse_operations() -> dict[str, Any]:
    """Return the document's by path."""
    return {
        path: operation
        for _, path, operation in operations("acme.localhost")
        if any(each["name"] == "fields" for each in operation.get("parameters", []))
    }


def names_of(operation: Any) -> list[str]:
    """Return the fields that an operation declares."""
    (found,) = [each for each in operation["parameters"] if each["name"] == "fields"]
    return found["schema"]["pattern"].partition("(?:")[2].partition(")")[0].split("|")


def rows_of(answer: Any) -> list[Any]:
    assert answer.status_code == 200, answer.content
    return answer.json().get("results", [answer.json()])


def test_every_field_of_every_list_and_detail_can_be_had_alone(owner):
    some_of_each(owner)
    keys = fill("mine")
    found = sparse_operations()
    kinds = ("products", "categories", "orders", "users", "roles", "imports", "api-keys")
    assert {f"/api/{kind}/{more}" for kind in kinds for more in ("", "{id}/")} <= set(found)
    for path, operation in found.items():
        url = path.replace("{id}", keys.get(path.split("/")[2], ""))
        whole = rows_of(owner.get(url))
        assert list(whole[0]) == names_of(operation)
        for name in whole[0]:
            sparse = rows_of(owner.get(f"{url}?fields={name}"))
            assert [list(row) for row in sparse] == [[name]] * len(whole), path
            if name not in ("image", "views", "last_used_at"):  # which change as one looks
                assert sparse == [{name: row[name]} for row in whole], path


def test_several_are_answered_in_the_usual_order_on_every_page(anonymous, acme):
    for n in range(3):
        add(f"p{n}")
    url, seen = "/api/products/?fields=price,id,name,id&ordering=name&page_size=2", []
    while url:
        page = anonymous.get(url).json()
        seen += [list(row) for row in page["results"]]
        url = page["next"]
    assert seen == [["id", "name", "price"]] * 3


@pytest.mark.parametrize("fields", ["", ",", "nonsense", "id,nonsense", "id,", "ID", "id, name"])
@pytest.mark.parametrize("path", ["products/", "products/{}/", "orders/"])
def test_a_field_that_is_none_is_refused_by_name(owner, path, fields):
    url = f"/api/{path.format(add().pk)}?fields={fields}"
    answer = owner.get(url)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "fields")


def test_who_may_not_read_learns_no_fields(anonymous):
    assert anonymous.get("/api/orders/?fields=nonsense").status_code == 401


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_change_takes_no_fields(owner, method):
    path = f"/api/products/{add().pk}/?fields=name"
    answer = owner.request(method, path, {"name": "New"})
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "fields")
    assert Product.objects.get().name == "Lamp"


def queries(api: Api, url: str, part: str) -> int:
    """Return how many statements for ``url`` have ``part`` in them."""
    api.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert api.get(url).status_code == 200
    return sum(part in query["sql"] for query in captured)


@pytest.mark.parametrize(
    ("path", "field", "costs"),
    [
        ("products", "category_name", 'JOIN "products_category"'),
        ("categories", "products_count", "COUNT("),
        ("categories", "avg_price", "AVG("),
        ("orders", "items", 'FROM "orders_orderitem"'),
        ("orders", "email", 'JOIN "users_user"'),
        ("roles", "permissions", '"auth_permission"'),
        ("roles", "members_count", "COUNT("),
        ("users", "roles", "_prefetch_related_val"),
    ],
)
def test_nothing_is_asked_of_the_database_for_fields_that_are_not_shown(owner, path, field, costs):
    some_of_each(owner)
    cheap = queries(owner, f"/api/{path}/?fields=id", costs)
    assert queries(owner, f"/api/{path}/?fields={field}", costs) == cheap + 1


def test_another_representation_has_another_tag(owner):
    path = f"/api/products/{add().pk}/"
    tags = [
        read(owner, url)["ETag"] for url in (path, f"{path}?fields=name", f"{path}?fields=price")
    ]
    assert len(set(tags)) == 3
    for tag in tags[:2]:
        assert read(owner, f"{path}?fields=name", tag).status_code == (
            304 if tag == tags[1] else 200
        )


def test_a_counter_that_is_asked_for_by_name_counts(owner):
    product = add()
    url = "/api/products/?fields=id,views"
    tag = read(owner, url)["ETag"]
    assert read(owner, url, tag).status_code == 304
    owner.get(f"/api/products/{product.pk}/")
    write_views.run()
    assert read(owner, url, tag).json()["results"] == [{"id": str(product.pk), "views": 1}]


@pytest.mark.parametrize("fields", ["name", "id,name", "views"])
def test_the_tag_of_a_sparse_answer_matches_no_change(owner, fields):
    path = f"/api/products/{add().pk}/"
    whole, sparse = read(owner, path)["ETag"], read(owner, f"{path}?fields={fields}")["ETag"]
    late = change(owner, path, sparse, {"name": "Late"})
    assert (late.status_code, code(late)) == (412, "precondition_failed")
    assert change(owner, path, whole, {"name": "New"}).status_code == 200


def test_the_document_tells_both_forms_of_an_answer(acme):
    found = document("acme.localhost")
    for path, operation in sparse_operations().items():
        whole, sparse = operation["responses"]["200"]["content"]["application/json"]["schema"][
            "anyOf"
        ]
        if "{id}" not in path:
            assert resolved(found, whole)["required"] == resolved(found, sparse)["required"]
            whole, sparse = (
                resolved(found, each)["properties"]["results"]["items"] for each in (whole, sparse)
            )
        one, other = resolved(found, whole), resolved(found, sparse)
        assert list(one["properties"]) == names_of(operation)
        assert one["required"]
        assert other == {key: value for key, value in one.items() if key != "required"}
