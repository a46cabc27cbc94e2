"""The portal's front page and the pages of its products."""

import re

import pytest
from guardian.shortcuts import assign_perm

from shared_apps.tenants.domain_map import domain_map
from tenant_apps.products.models import Category, Product
from tenant_apps.products.tasks import write_views
from tenant_apps.users.models import CatalogueReaders, PortalSettings, User
from tests.api import count_queries


def names(answer) -> list[str]:
    return re.findall(r'<h2><a href="[^"]+">([^<]+)</a></h2>', answer.content.decode())


def open_to(readers: str) -> None:
    portal = PortalSettings.objects.get()
    portal.catalogue_readers = readers
    portal.store()
    domain_map.clear()  # it is a second behind


@pytest.fixture
def shelf(product):
    tools = Category.objects.create(name="Tools", slug="tools")
    product("rope", "2.00", category=tools, description="Long and green")
    product("lamp", "10.00", description="Shines green")
    product("saw", "5.00", category=tools)
    product("hidden", is_active=False)


def test_the_catalogue_is_searched_by_all_words_in_name_or_description(customer, shelf):
    assert set(names(customer.get("/"))) == {"Rope", "Lamp", "Saw"}
    assert names(customer.get("/?search=GREEN rope")) == ["Rope"]
    assert names(customer.get("/?search=shines")) == ["Lamp"]
    nothing = customer.get("/?search=green+saw")
    assert names(nothing) == []
    assert b"Nothing in the catalogue matches" in nothing.content


def test_it_is_narrowed_to_a_category_and_put_in_order(customer, shelf):
    assert names(customer.get("/?category=tools&order=cheapest")) == ["Rope", "Saw"]
    assert names(customer.get("/?order=dearest")) == ["Lamp", "Saw", "Rope"]
    assert names(customer.get("/?order=name")) == ["Lamp", "Rope", "Saw"]
    as_if_nothing = customer.get("/?category=none&order=price;drop&page=x")
    assert (as_if_nothing.status_code, len(names(as_if_nothing))) == (200, 3)


def test_it_comes_in_pages_that_keep_what_was_asked_for(customer, product):
    for number in range(30):
        product(f"rope-{number}")
    first = customer.get("/?search=rope")
    assert len(names(first)) == 24
    found = re.search(r'rel="next" href="([^"]+)"', first.content.decode())
    second = customer.get("/" + found[1].replace("&amp;", "&"))
    assert len(names(second)) == 6
    assert not set(names(first)) & set(names(second))
    assert len(names(customer.get("/?page=99"))) == 6


def test_htmx_gets_the_list_alone(customer, shelf):
    part = customer.client.get("/?search=rope", headers={"HX-Request": "true"})
    assert b"<html" not in part.content
    assert names(part) == ["Rope"]
    assert "HX-Request" in part["Vary"]
    again = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert b"<html" in customer.client.get("/?search=rope", headers=again).content


def test_it_gets_the_count_for_the_place_that_stays(customer, shelf):
    part = customer.client.get("/?search=rope", headers={"HX-Request": "true"}).content.decode()
    assert '<p id="found" hx-swap-oob="innerHTML">1 product' in part
    whole = customer.get("/?search=rope").content.decode()
    assert '<p class="found" id="found" role="status">1 product' in whole
    assert "hx-swap-oob" not in whole


def test_of_whoever_was_signed_out_meanwhile_htmx_loads_the_page_anew(anonymous, shelf):
    open_to(CatalogueReaders.MEMBERS)
    part = anonymous.get("/?search=rope", headers={"HX-Request": "true"})
    assert part["HX-Refresh"] == "true"
    assert b"<html" not in part.content


def test_a_search_is_of_so_many_words(customer, product):
    product("abcdefgh", description="a b c d e f g h")
    assert names(customer.get("/?search=a+b+c+d+e+f+g+h+zzz+yyy")) == ["Abcdefgh"]


def test_the_catalogue_is_not_read_without_end(anonymous, limit):
    open_to(CatalogueReaders.ANYONE)
    limit("general", address="2/minute")
    statuses = [anonymous.get("/").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert anonymous.get("/products/lamp/")["Retry-After"]


def test_as_many_queries_for_a_full_page_as_for_one_product(customer, product):
    product("first", category=Category.objects.create(name="S", slug="s"))
    few = count_queries(lambda: customer.get("/"))
    for number in range(40):
        shelf = Category.objects.create(name=f"S{number}", slug=f"s{number}")
        product(f"rope-{number}", category=shelf)
    assert count_queries(lambda: customer.get("/")) == few


def test_a_product_has_a_page_that_counts_its_views(customer, product):
    attributes = {"colour": "<b>red</b>", "items": ["S", "M"]}
    lamp = product(description="Shines.\n\nBright.", attributes=attributes, sku="L1")
    page = customer.get("/products/lamp/")
    for part in (
        *(b"<p>Shines.</p>", b"&lt;b&gt;red&lt;/b&gt;", b"<dt>items</dt><dd>S, M</dd>"),
        *(b"L1", b"10.00 EUR", b'max="5"'),
    ):
        assert part in page.content
    write_views.run()
    assert Product.objects.get(pk=lamp.pk).views == 1
    assert customer.get("/products/none/").status_code == 404
    assert customer.get("/products/%20%3C/").status_code == 404


def test_what_is_not_on_sale_has_none(customer, admin, product):
    product("hidden", is_active=False)
    product("gone", stock=0)
    assert customer.get("/products/hidden/").status_code == 404
    assert admin.get("/products/hidden/").status_code == 404
    sold_out = customer.get("/products/gone/").content
    assert b"Sold out" in sold_out
    assert b'name="add"' not in sold_out


def test_visitors_see_what_the_settings_say(anonymous, product):
    product()
    open_to(CatalogueReaders.MEMBERS)
    for path in ("/", "/products/lamp/"):
        closed = anonymous.get(path)
        assert b"for members" in closed.content
        assert b"Lamp" not in closed.content
        assert f"/sign-in/?next={path}".encode() in closed.content
    open_to(CatalogueReaders.ANYONE)
    assert names(anonymous.get("/")) == ["Lamp"]
    page = anonymous.get("/products/lamp/").content
    assert b"Sign in to order" in page
    assert b"csrfmiddlewaretoken" not in page, "nothing to protect, no cookie"


def test_who_was_granted_one_category_sees_that(customer, shelf):
    open_to(CatalogueReaders.GRANTED)
    assert names(customer.get("/")) == []
    assign_perm("view_category", User.objects.get(name="Cora"), Category.objects.get())
    assert set(names(customer.get("/"))) == {"Rope", "Saw"}
    assert customer.get("/products/lamp/").status_code == 404
    assert customer.get("/products/saw/").status_code == 200
