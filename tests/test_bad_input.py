"""Bad input is a 4xx that says what is wrong, never a 5xx, and changes nothing."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenant_apps.orders.models import Order
from tenant_apps.products.models import Category, Product
from tests.api import Api, code

LISTS = ["products", "categories", "orders", "imports", "products/favorites"]
WRITES = ["products", "categories", "orders", "auth/login", "auth/refresh"]


def send(api: Api, path: str, body: bytes, kind: str = "application/json"):
    return api.request("post", f"/api/{path}/", body, content_type=kind)


def rows() -> tuple[int, int, int]:
    return Product.objects.count(), Category.objects.count(), Order.objects.count()


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"NaN",
        b'{"name": NaN}',
        b'{"name": "\xff\xfe"}',
        b'{"name": "\\ud800"}',
        b'{"name": "a\\u0000b"}',
        b'{"attributes": {"a\\u0000": 1}}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"price": 1e999, "quantity": 1e999}',
        b'{"items": {"product": 1}}',
        b'{"items": [1, null, []]}',
        b'{"name": ["a"], "slug": {}, "price": [], "email": 1, "password": {}, "refresh": []}',
    ],
    ids=lambda body: body[:30].decode(errors="replace"),
)
def test_a_body_that_cannot_be_is_refused(owner, path, body):
    before = rows()
    answer = send(owner, path, body)
    assert answer.status_code in (400, 401), answer.content
    assert answer.json()["errors"][0]["detail"]
    assert rows() == before


@pytest.mark.parametrize("path", [*WRITES, "imports"])
def test_a_body_of_ten_megabytes_is_refused_unread(owner, path):
    answer = send(owner, path, b'{"name": "' + b"x" * 10_000_000 + b'"}')
    assert (answer.status_code, code(answer)) == (413, "body_too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", ""])
def test_another_kind_of_body_is_refused(owner, kind):
    assert send(owner, "products", b"<a/>", kind).status_code in (400, 415)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("page_size=1000000000", "page_size"),
        ("page_size=101", "page_size"),
        ("page_size=0", "page_size"),
        ("page_size=-1", "page_size"),
        ("page_size=many", "page_size"),
        ("page_size=%D9%A3", "page_size"),
        ("ordering=password", "ordering"),
        ("ordering=user__password", "ordering"),
        ("ordering=-created_at,nonsense", "ordering"),
        ("nonsense=1", "nonsense"),
        ("user__password__startswith=a", "user__password__startswith"),
        ("_connector=OR", "_connector"),
        ("category__name=x", "category__name"),
    ],
)
def test_an_unknown_or_impossible_parameter_is_named(owner, path, query, attr):
    answer = owner.get(f"/api/{path}/?{query}")
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["attr"] == attr


@pytest.mark.parametrize(
    "query",
    [
        *("category=x", "category=%00", "category=00000000-0000-0000-0000-000000000000"),
        *("price_min=NaN", "price_min=1e999999", "price_max=Infinity", "price_min=x"),
        *("search=%00", "search=" + "x" * 201, "tag=" + "t" * 51, "is_active=perhaps"),
        *("cursor=x", "cursor=%00", "cursor=" + "A" * 5000, "cursor=cD0lMDA%3D"),
    ],
)
def test_an_impossible_value_of_a_parameter_is_no_5xx(owner, query):
    answer = owner.get(f"/api/products/?{query}")
    assert answer.status_code in (400, 404) or (
        answer.status_code == 200
        and any(name in query for name in ("search", "is_active", "cursor"))
    ), answer.content


@pytest.mark.parametrize("key", ["x", "%00", "1", "'", "../../admin", "0" * 400, "%ff", "é"])
@pytest.mark.parametrize("path", ["products", "orders", "categories", "imports"])
def test_an_impossible_id_is_a_404(owner, path, key):
    assert owner.get(f"/api/{path}/{key}/").status_code == 404


@pytest.mark.parametrize("value", ["1.999", "1e5", "99999999999", "1e-400", "0x1", " ", "١"])
def test_an_impossible_price_is_refused(owner, value):
    body = {"name": "L", "slug": "l", "price": value}
    answer = owner.post("/api/products/", body)
    if answer.status_code == 201:
        assert Product.objects.get().price > 0
    else:
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "price")


def test_a_slug_that_is_taken_is_named(owner):
    body = {"name": "L", "slug": "l", "price": "1"}
    assert owner.post("/api/products/", body).status_code == 201
    answer = owner.post("/api/products/", body)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "slug")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = ["name", "slug", "price", "stock", "tags", "attributes", "items", "category", "email"]


@pytest.mark.parametrize("path", WRITES)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), JSON, max_size=5))
def test_whatever_the_json_it_is_no_5xx(owner, path, body):
    answer = send(owner, path, json.dumps(body).encode())
    assert answer.status_code < 500, answer.content


@pytest.mark.parametrize("length", ["0" * 24 + "6000000", "x", "-1", "²", "1" * 30])
def test_a_length_that_lies_is_refused(anonymous, length):
    from shared_apps.tenants.scope import no_scope

    with no_scope():
        answer = anonymous.client.generic(
            "POST", "/api/auth/login/", b"{}", "application/json", CONTENT_LENGTH=length
        )
    assert answer.status_code == 413


def test_a_nul_deep_down_is_found_without_recursion(owner):
    body = b"[" * 900 + b'"\\u0000"' + b"]" * 900
    assert send(owner, "products", body).status_code == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("name", value) for value in (5, 1.5, True, ["a"], {"a": 1})],
        *[("stock", value) for value in ("5", "٥", True, [5])],
        *[("is_active", value) for value in ("true", "yes", 1, 0)],
        *[("price", value) for value in (True, ["1"], "+5", " 5", "1_0", "1e2", 1.005, 1e300)],
        *[("tags", value) for value in ("a", {"a": 1}, [5])],
        *[("category", value) for value in ("", 5, "x")],
        ("attributes", [1]),
        ("slug", " padded" + " " * 250),
        ("image_url", "https://localhost/a.png"),
    ],
)
def test_a_value_of_another_type_or_form_is_refused_and_not_guessed(owner, field, value):
    body = {"name": "L", "slug": "l", "price": "1"} | {field: value}
    answer = owner.post("/api/products/", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["attr"].split(".")[0] == field
    assert Product.objects.count() == 0


@pytest.mark.parametrize(
    ("sent", "kept"), [("12.5", "12.50"), (12.5, "12.50"), (7, "7.00"), (0.01 * 57, "0.57")]
)
def test_a_price_is_a_text_or_a_number(owner, sent, kept):
    answer = owner.post("/api/products/", {"name": "L", "slug": "l", "price": sent})
    assert (answer.status_code, answer.json()["price"]) == (201, kept)


@pytest.mark.parametrize(
    "query",
    [
        *("is_active=perhaps", "is_active=null", "is_active=", "category=", "tag=", "price_min="),
        *("price_min=1e5", "price_min=%D9%A3", "price_max=-1", "ordering=%20price"),
    ],
)
def test_a_filter_of_no_use_is_named(owner, query):
    answer = owner.get(f"/api/products/?{query}")
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["attr"] == query.partition("=")[0]
