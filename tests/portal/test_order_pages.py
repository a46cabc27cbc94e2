"""The pages of one's own orders."""

import re

from tenant_apps.orders.models import Order, OrderStatus
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Product
from tenant_apps.users.models import User
from tests.api import count_queries


def placed(product: Product, email: str = "cora@x.example") -> Order:
    return place_order(user=User.objects.get(email=email), items=[(product.pk, 1)])


def test_the_list_has_ones_own_newest_first(customer, admin, product):
    lamp = product(stock=50)
    assert b"not ordered anything" in customer.get("/orders/").content
    for _ in range(2):
        placed(lamp)
    placed(lamp, "owner@acme.example")
    listed = re.findall(r'href="/orders/(\d+)/"', customer.get("/orders/").content.decode())
    assert listed == ["1002", "1001"]
    assert b"1001" not in admin.get("/orders/").content, "not even who may see them all"


def test_it_comes_in_pages_with_as_many_queries(customer, product):
    lamp = product(stock=50)
    placed(lamp)
    few = count_queries(lambda: customer.get("/orders/"))
    for _ in range(24):
        placed(lamp)
    assert count_queries(lambda: customer.get("/orders/")) == few
    assert customer.get("/orders/").content.count(b'href="/orders/1') == 20
    assert customer.get("/orders/?page=2").content.count(b'href="/orders/1') == 5


def test_an_order_of_somebody_else_does_not_exist(customer, product):
    placed(product(), "owner@acme.example")
    assert customer.get("/orders/1001/").status_code == 404
    assert customer.post("/orders/1001/cancel/", {}).status_code == 404
    assert customer.get(f"/orders/{'9' * 30}/").status_code == 404
    assert Order.objects.get().status == OrderStatus.PENDING


def test_a_pending_order_is_cancelled_and_its_stock_goes_back(customer, product):
    placed(product())
    assert b"Cancel the order" in customer.get("/orders/1001/").content
    led_here = customer.get("/orders/1001/cancel/")
    assert (led_here.status_code, led_here["Location"]) == (302, "/orders/"), "by signing in"
    assert Order.objects.get().status == OrderStatus.PENDING
    assert customer.post("/orders/1001/cancel/", {})["Location"] == "/orders/1001/"
    page = customer.get("/orders/1001/").content
    assert b"The order is cancelled" in page
    assert b"Cancel the order" not in page
    assert Product.objects.get().stock == 5


def test_one_that_is_paid_is_not(customer, product):
    placed(product()).move_to(OrderStatus.PAID)
    assert b"Cancel the order" not in customer.get("/orders/1001/").content
    customer.post("/orders/1001/cancel/", {})
    assert b"cannot be cancelled any more" in customer.get("/orders/1001/").content
    assert Order.objects.get().status == OrderStatus.PAID


def test_its_lines_keep_the_names_and_prices_of_their_moment(customer, product):
    placed(product())
    Product.objects.update(name="<i>Torch</i>", price=99)
    page = customer.get("/orders/1001/").content
    assert b"Lamp" in page
    assert b"10.00 EUR" in page
    assert b"Torch" not in page
