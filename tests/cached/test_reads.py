"""The catalogue's reads over HTTP: made once a generation, and for nobody else's eyes."""

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.scope import public_scope
from tenant_apps.cached.queries import cached_query
from tenant_apps.products import cached
from tenant_apps.products.models import Product
from tenant_apps.products.tasks import write_views
from tenant_apps.users.models import CatalogueReaders, PortalSettings, Role, User
from tests.api import PASSWORD, Admin, Api, code
from tests.cached.shops import how
from tests.wsgi import Visitor

PATHS = ("/api/products/", "/api/categories/", "/api/products/popular/")


@pytest.fixture(params=[Api, Visitor], ids=["django", "before django"])
def visitor(request, shop):
    return request.param(shop.primary_host)


@pytest.fixture
def owner(shop):
    label = shop.primary_host.partition(".")[0]
    return Api(shop.primary_host).signed_in(f"owner@{label}.example")


def names(answer) -> list[str]:
    return [row["name"] for row in answer.json()["results"]]


@pytest.mark.parametrize("path", PATHS)
def test_the_second_reader_asks_no_query(visitor, path):
    first = visitor.get(path)
    with CaptureQueriesContext(connection) as queries:
        second = visitor.get(path)
    assert (how(first), how(second)) == ("miss", "hit")
    # A lease or the domain map may have ended its second.
    assert [query["sql"] for query in queries if "products_" in query["sql"]] == []
    assert second.content == first.content
    assert second["ETag"] == first["ETag"]
    same = set(first.headers) - {"Server-Timing", "X-Request-Id", "Allow"}
    assert same <= set(second.headers)
    for name in same - {"RateLimit", "Set-Cookie"}:
        assert sorted(second[name].split(", ")) == sorted(first[name].split(", ")), name


def test_a_reader_who_has_it_already_gets_no_body(visitor):
    tag = visitor.get("/api/products/")["ETag"]
    again = visitor.get("/api/products/", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, how(again)) == (304, b"", "hit")
    Product.objects.update(price=11)
    assert visitor.get("/api/products/", headers={"If-None-Match": tag}).status_code == 200


def test_each_query_has_an_answer_of_its_own(visitor, shop):
    Product.objects.create(name="desk", slug="desk", price=90)
    assert names(visitor.get("/api/products/?ordering=price")) == ["lamp", "desk"]
    assert names(visitor.get("/api/products/?ordering=-price")) == ["desk", "lamp"]
    assert names(visitor.get("/api/products/?ordering=price")) == ["lamp", "desk"]


def test_what_is_refused_is_refused_again(visitor):
    visitor.get("/api/products/")
    for _ in range(2):
        assert visitor.get("/api/products/?colour=red").status_code == 400
        assert visitor.get("/api/products/018f0000-0000-7000-8000-000000000001/").status_code == 404
        wrong = visitor.get("/api/products/", headers={"Accept": "application/xml"})
        assert wrong.status_code == 406


def test_a_catalogue_that_closes_is_closed_to_visitors(visitor, owner, shop):
    assert visitor.get("/api/products/").status_code == 200
    settings = PortalSettings.objects.get()
    settings.catalogue_readers = CatalogueReaders.MEMBERS
    settings.store()
    domain_map.clear()
    assert visitor.get("/api/products/").status_code == 401
    assert names(owner.get("/api/products/")) == ["draft", "lamp"]


def test_whoever_keeps_the_catalogue_reads_another_than_a_visitor(visitor, owner):
    for _ in range(2):
        assert names(owner.get("/api/products/")) == ["draft", "lamp"]
        assert names(visitor.get("/api/products/")) == ["lamp"]
    assert how(owner.get("/api/products/")) == "hit"
    draft = next(p for p in owner.get("/api/products/").json()["results"] if p["name"] == "draft")
    path = f"/api/products/{draft['id']}/"
    assert [api.get(path).status_code for api in (owner, visitor, owner)] == [200, 404, 200]


def test_what_was_granted_to_one_is_read_by_nobody_else(owner, shop):
    people = {}
    for name in ("ann", "ben"):
        User.objects.create_member(f"{name}@x.example", PASSWORD, role="customer")
        people[name] = Api(shop.primary_host).signed_in(f"{name}@x.example")
    assert [names(api.get("/api/products/")) for api in people.values()] == [["lamp"], ["lamp"]]
    draft = Product.objects.get(slug="draft")
    grant = {"permissions": ["change_product"], "kind": "product", "objects": [str(draft.pk)]}
    grant |= {"people": [str(User.objects.get(email="ann@x.example").pk)], "roles": []}
    assert owner.post("/api/grants/", grant).status_code == 204
    assert names(people["ann"].get("/api/products/")) == ["draft", "lamp"]
    assert names(people["ben"].get("/api/products/")) == ["lamp"]


def test_a_role_taken_away_is_gone_with_the_next_read(owner, shop):
    user = User.objects.create_member("kim@x.example", PASSWORD, role="admin")
    kim = Api(shop.primary_host).signed_in("kim@x.example")
    assert names(kim.get("/api/products/")) == ["draft", "lamp"]
    role = str(Role.objects.get(code="customer").uuid)
    put = owner.request("put", f"/api/users/{user.pk}/roles/", {"roles": [role]})
    assert put.status_code == 200, put.content
    kim = kim.signed_in("kim@x.example")
    assert names(kim.get("/api/products/")) == ["lamp"]


def test_reading_needs_the_credential_still_when_it_is_cached(owner, shop):
    assert how(owner.get("/api/products/")) == "miss"
    assert how(owner.get("/api/products/")) == "hit"
    User.objects.update(is_active=False)
    assert owner.get("/api/products/").status_code == 401


def test_a_cached_read_counts_against_the_limit(visitor, limit):
    limit("general", address="2/minute")
    answers = [visitor.get("/api/products/") for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert how(answers[1]) == "hit"
    assert code(answers[2]) == "too_many_attempts"
    assert '"caller";r=0' in answers[2]["RateLimit"]


def test_views_are_counted_of_what_is_cached(visitor, shop):
    lamp = Product.objects.get(slug="lamp")
    for _ in range(3):
        answer = visitor.get(f"/api/products/{lamp.pk}/")
    assert how(answer) == "hit"
    write_views.run()
    lamp.refresh_from_db()
    assert lamp.views == 3
    assert how(visitor.get(f"/api/products/{lamp.pk}/")) == "hit", "a view renews nothing"


def test_an_order_is_seen_in_the_stock_at_once(visitor, owner):
    [lamp] = visitor.get("/api/products/").json()["results"]
    items = [{"product": lamp["id"], "quantity": 2}]
    assert owner.post("/api/orders/", {"items": items}).status_code == 201
    assert visitor.get("/api/products/").json()["results"][0]["stock"] == 3
    assert visitor.get(f"/api/products/{lamp['id']}/").json()["stock"] == 3


def test_a_neighbours_equal_address_has_its_own_answer(visitor, portal):
    visitor.get("/api/products/")
    assert names(Api(portal().primary_host).get("/api/products/")) == []


def test_with_the_cache_switched_off_every_reader_asks(visitor, settings):
    visitor.get("/api/products/")
    settings.CACHED_QUERIES = False
    assert [how(visitor.get("/api/products/")) for _ in range(2)] == ["bypass", "bypass"]


def test_without_redis_every_reader_asks(visitor, settings):
    visitor.get("/api/products/")
    settings.CACHE_URL = "redis://127.0.0.1:1/1"
    assert [how(visitor.get("/api/products/")) for _ in range(2)] == ["bypass", "bypass"]


TABLE = re.compile(r'(?:FROM|JOIN) "(\w+)"')


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("reader", ["visitor", "owner", "customer"])
def test_an_answer_names_every_table_that_it_is_made_of(shop, visitor, owner, path, reader):
    User.objects.create_member("cus@x.example", PASSWORD, role="customer")
    customer = Api(shop.primary_host).signed_in("cus@x.example")
    api = {"visitor": visitor, "owner": owner, "customer": customer}[reader]
    api.get(path)
    with CaptureQueriesContext(connection) as before:
        api.get(path)
    Product.objects.update(price=12)
    with CaptureQueriesContext(connection) as queries:
        assert how(api.get(path)) == "miss"
    asked = {table for query in queries for table in TABLE.findall(query["sql"])}
    # Who it is, is asked whether or not there is an answer.
    asked -= {table for query in before for table in TABLE.findall(query["sql"])}
    # Permissions and their types are the template's: nobody writes them.
    asked -= {"auth_permission", "django_content_type", "cached_generations"}
    asked -= {"tenants_tenant", "tenants_domain"}  # the routing's, once a second
    named = cached.CATEGORIES if "categories" in path else cached.PRODUCTS
    assert asked
    assert asked <= set(named.tables)


@cached_query(Product)
def dearest(most: int, *, shout: bool = False) -> list[str]:
    """Return the names of the dearest products."""
    found = Product.objects.order_by("-price").values_list("name", flat=True)[:most]
    return [name.upper() if shout else name for name in found]


def test_a_function_is_cached_by_its_arguments(shop):
    assert (dearest(1, shout=True), dearest(1)) == (["LAMP"], ["lamp"])
    with CaptureQueriesContext(connection) as queries:
        assert (dearest(1, shout=True), dearest(1)) == (["LAMP"], ["lamp"])
    assert [q["sql"] for q in queries if "products_product" in q["sql"]] == []
    Product.objects.filter(slug="draft").update(price=99)
    assert dearest(1) == ["draft"]


def test_what_is_kept_names_no_other_tenant(visitor, shop):
    visitor.get("/api/products/")
    kept = [key.decode() for key in shared().scan_iter("cached:*")]
    assert kept
    assert all(str(shop.id) in key for key in kept), json.dumps(kept)


def test_operators_see_how_much_a_tenant_reads_from_the_cache(visitor, shop):
    for _ in range(4):
        visitor.get("/api/products/")
    with public_scope():
        operator = User.objects.create_operator(f"{shop.id}@x.example", PASSWORD)
        client = Admin("localhost", operator)
    page = client.get(f"/admin/tenants/tenant/{shop.id}/change/")
    assert b"3 / 4" in page.content
