"""The cart, and the order that it becomes."""

import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection
from django.test.client import MULTIPART_CONTENT
from django.test.utils import CaptureQueriesContext

from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.orders.cart import filling
from tenant_apps.orders.models import CartItem, Order
from tenant_apps.orders.placing import OutOfStock
from tenant_apps.products.models import Product
from tenant_apps.users.models import PortalSettings, User
from tests.api import Admin, count_queries


def put(person: Admin, product: Product, quantity: object = 1):
    return person.post("/cart/", {"product": product.pk, "quantity": quantity, "add": ""})


def change(person: Admin, product: Product, quantity: object):
    return person.post("/cart/", {"product": product.pk, "quantity": quantity})


def seen(person: Admin) -> str:
    """Return what the cart's page says it shows."""
    found = re.search(r'name="digest" value="(\w+)"', person.get("/cart/").content.decode())
    return found[1] if found else ""


def order(person: Admin, digest: str | None = None):
    digest = seen(person) if digest is None else digest
    return person.post("/cart/", {"digest": digest, "order": ""})


def lines() -> list[filling.Line]:
    return filling.lines_of(User.objects.get(name="Cora"))


def cart() -> dict[str, int]:
    return {item.product.slug: item.quantity for item in CartItem.objects.all()}


def test_the_cart_does_not_fetch_what_only_searching_needs(customer, product):
    put(customer, product())
    with CaptureQueriesContext(connection) as captured:
        assert b"Lamp" in customer.get("/cart/").content
    joined = [q["sql"] for q in captured if "orders_cartitem" in q["sql"] and "JOIN" in q["sql"]]
    assert joined
    assert not any('"products_product"."search"' in sql for sql in joined)


def test_a_cart_becomes_an_order(customer, product):
    lamp, rope = product(), product("rope", "2.35", 10)
    assert put(customer, lamp, 2)["Location"] == "/cart/"
    put(customer, rope, 3)
    page = customer.get("/cart/").content.decode()
    assert '<span class="count">2</span>' in page
    assert "27.05 EUR" in page
    placed = order(customer)
    assert (placed.status_code, placed["Location"]) == (302, "/orders/1001/")
    assert cart() == {}
    made = Order.objects.get()
    assert (made.total, made.user.email, made.status) == (
        Decimal("27.05"),
        "cora@x.example",
        "pending",
    )
    assert [i.quantity for i in made.items.all()] == [2, 3]
    assert Product.objects.get(slug="lamp").stock == 3
    assert OutboxEntry.objects.filter(kind="orders.confirmation").count() == 1
    told = customer.get("/orders/1001/").content
    assert b"your order is placed" in told


def test_pressed_twice_it_is_one_order(customer, product):
    put(customer, product())
    shown = seen(customer)
    assert order(customer, shown)["Location"] == "/orders/1001/"
    assert order(customer, shown)["Location"] == "/orders/"
    assert Order.objects.count() == 1


def test_the_same_product_again_is_added_up_changed_and_taken_out(customer, product):
    lamp = product()
    put(customer, lamp, 2)
    put(customer, lamp)
    assert cart() == {"lamp": 3}
    assert change(customer, lamp, 1).status_code == 302
    assert cart() == {"lamp": 1}
    change(customer, lamp, 0)
    assert cart() == {}
    assert b"Your cart is empty" in customer.get("/cart/").content


@pytest.mark.parametrize("quantity", ["", "0", "-1", "1.5", "x", "10001", "9" * 30])
def test_a_quantity_that_is_none_changes_nothing(customer, product, quantity):
    assert put(customer, product(), quantity).status_code == 400
    assert cart() == {}


@pytest.mark.parametrize("quantity", ["", "-1", "1.5", "x", "10001"])
def test_nor_does_it_change_what_is_there(customer, product, quantity):
    lamp = product()
    put(customer, lamp)
    assert change(customer, lamp, quantity).status_code == 400
    assert cart() == {"lamp": 1}


def test_a_cart_holds_so_much_and_no_more(customer, product):
    lamp = product()
    put(customer, lamp, 10_000)
    assert put(customer, lamp).status_code == 409
    assert cart() == {"lamp": 10_000}
    for number in range(99):
        put(customer, product(f"rope-{number}"))
    refused = put(customer, product("last"))
    assert (refused.status_code, b"holds no more" in refused.content) == (409, True)
    assert CartItem.objects.count() == 100


def test_another_price_is_shown_before_it_is_paid(customer, product):
    put(customer, product())
    shown = seen(customer)
    Product.objects.update(price=11)
    refused = order(customer, shown)
    assert refused.status_code == 409
    assert b"has changed. Please look again" in refused.content
    assert b"11.00 EUR" in refused.content
    assert (Order.objects.count(), cart(), Product.objects.get().stock) == (0, {"lamp": 1}, 5)
    for nonsense in ("", "x", "0" * 64):
        assert order(customer, nonsense).status_code == 409
    assert order(customer).status_code == 302


def test_so_is_another_product_for_as_much_money_or_another_currency(customer, product):
    lamp = product()
    put(customer, lamp)
    shown = seen(customer)
    change(customer, lamp, 0)
    put(customer, product("vase"))
    assert order(customer, shown).status_code == 409
    shown = seen(customer)
    PortalSettings.objects.get().change(currency="GBP")
    domain_map.clear()
    assert order(customer, shown).status_code == 409
    assert Order.objects.count() == 0
    assert order(customer).status_code == 302
    assert Order.objects.get().currency == "GBP"


def test_what_is_sold_out_or_off_sale_is_marked_and_not_ordered(customer, product):
    lamp, rope = product(), product("rope")
    put(customer, lamp)
    put(customer, rope, 2)
    Product.objects.filter(slug="lamp").update(is_active=False)
    page = customer.get("/cart/").content
    assert b"no longer on sale" in page
    assert b"Lamp" not in page, "who may not see it is not told of it"
    assert b'name="order"' not in page
    assert order(customer).status_code == 409
    change(customer, lamp, 0)
    Product.objects.filter(slug="rope").update(stock=1)
    assert b"Only 1 in stock" in customer.get("/cart/").content
    assert order(customer).status_code == 409
    with pytest.raises(OutOfStock):
        filling.order(User.objects.get(name="Cora"), seen=filling.digest_of(lines()))
    assert (Order.objects.count(), cart()) == (0, {"rope": 2})
    rope.delete()
    assert cart() == {}


def test_what_is_not_on_sale_for_somebody_cannot_be_put_into_their_cart(customer, product):
    refused = put(customer, product("hidden", is_active=False))
    assert refused.status_code == 409
    nobody = Product(pk="00000000-0000-0000-0000-000000000000")
    assert put(customer, nobody).status_code == 409
    assert put(customer, Product(pk="x")).status_code == 400
    assert cart() == {}


def test_a_cart_is_ones_own(customer, admin, product):
    lamp = product()
    put(customer, lamp)
    assert b"Lamp" not in admin.get("/cart/").content
    change(admin, lamp, 0)
    assert order(admin)["Location"] == "/orders/"
    assert cart() == {"lamp": 1}


def test_as_many_queries_for_many_lines_as_for_one(customer, product):
    put(customer, product())
    customer.get("/cart/")
    few = count_queries(lambda: customer.get("/cart/"))
    for number in range(20):
        put(customer, product(f"rope-{number}"))
    customer.get("/cart/")
    assert count_queries(lambda: customer.get("/cart/")) == few


def test_a_visitor_is_sent_to_sign_in(anonymous, product):
    product()
    answer = anonymous.get("/cart/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/cart/")
    form = {"product": "x", "quantity": 1, "add": "", "next": "/products/lamp/"}
    back = anonymous.request("post", "/cart/", form, content_type=MULTIPART_CONTENT)
    assert back["Location"] == "/sign-in/?next=/products/lamp/"


def at_once(tenant, *works):
    def run(work):
        with tenant_scope(tenant):
            try:
                return work(User.objects.get())
            except filling.CartEmpty as error:
                return error
            finally:
                connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))


def test_ordered_at_once_it_is_one_order(portal):
    tenant = portal()
    with tenant_scope(tenant):
        lamp = Product.objects.create(name="Lamp", slug="lamp", price=1, stock=50)
        filling.add(User.objects.get(), lamp.pk, 1)
        digest = filling.digest_of(filling.lines_of(User.objects.get()))
    outcomes = at_once(tenant, *[lambda user: filling.order(user, seen=digest)] * 6)
    with tenant_scope(tenant):
        assert Order.objects.count() == 1
        assert Product.objects.get().stock == 49
    assert sum(isinstance(outcome, Order) for outcome in outcomes) == 1


def test_put_in_at_once_all_of_it_counts(portal):
    tenant = portal()
    with tenant_scope(tenant):
        lamp = Product.objects.create(name="Lamp", slug="lamp", price=1, stock=50)
    at_once(tenant, *[lambda user: filling.add(user, lamp.pk, 1)] * 6)
    with tenant_scope(tenant):
        assert cart() == {"lamp": 6}
