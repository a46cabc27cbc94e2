"""Queries whose SQL is kept: each answer is the active tenant's, of the ids of the call."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from shared_apps.tenants.kept_queries import kept_query
from shared_apps.tenants.scope import NoActiveTenant, no_scope, tenant_scope
from tenant_apps.products.models import Category, Product
from tests.orders.test_placing import add


@pytest.fixture
def named():
    """Return a new query of products' names, and the list of how often it was built."""
    built = []

    @kept_query
    def named(order, *, key):
        built.append(order)
        found = Product.objects.order_by(order)
        return (found.filter(pk=key) if key else found).values_list("name", "attributes")

    return named, built


def test_it_is_built_once_and_answers_with_what_is_there_now(acme, named):
    find, built = named
    assert list(find("name", key=None)) == []
    lamp, _rope = add("lamp", attributes={"a": [1]}), add("rope")
    assert [name for name, _ in find("name", key=None)] == ["Lamp", "Rope"]
    assert built == ["name"]
    assert [name for name, _ in find("-name", key=None)] == ["Rope", "Lamp"]
    [row] = find("name", key=lamp.pk)
    assert list(row) == ["Lamp", {"a": [1]}]


def test_each_call_has_its_own_ids(acme, named):
    find, built = named
    products = [add(f"p{n}") for n in range(3)]
    found = [find("name", key=one.pk)[0][0] for one in products]
    assert found == ["P0", "P1", "P2"]
    assert list(find("name", key=uuid7())) == []
    assert built == ["name"]


def test_what_one_tenant_has_built_finds_the_others_rows(acme, globex, named):
    find, built = named
    add("lamp")
    with tenant_scope(globex):
        theirs = add("rope")
    assert [name for name, _ in find("name", key=None)] == ["Lamp"]
    assert list(find("name", key=theirs.pk)) == []
    with tenant_scope(globex):
        assert [name for name, _ in find("name", key=None)] == ["Rope"]
        assert find("name", key=theirs.pk)[0][0] == "Rope"
    assert built == ["name", "name"]  # with and without a key


def test_nothing_is_read_outside_a_scope(acme, named):
    find, _built = named
    find("name", key=None)
    with no_scope(), pytest.raises(NoActiveTenant):
        find("name", key=None)


def test_an_id_that_is_nobodys_argument_is_not_kept(acme):
    shelf = Category.objects.create(name="Lights", slug="lights")

    @kept_query
    def leaking():
        return Product.objects.filter(category=shelf).values_list("name")

    with pytest.raises(ValueError, match="no argument of the query"):
        leaking()


def test_what_can_find_nothing_asks_nothing(acme):
    @kept_query
    def nothing():
        return Product.objects.none().values_list("name")

    with CaptureQueriesContext(connection) as captured:
        assert list(nothing()) == []
    assert len(captured) == 0
