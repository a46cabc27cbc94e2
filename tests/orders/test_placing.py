"""Placing orders: all of it or nothing, at the server's prices, within the stock."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection, transaction

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.orders.models import Order, OrderItem
from tenant_apps.products.models import Product
from tests.api import Api, code, count_queries
from tests.stack.running import until


def add(slug: str = "lamp", price: str = "10.00", stock: int = 5, **values: object) -> Product:
    return Product.objects.create(name=slug.title(), slug=slug, price=price, stock=stock, **values)


def place(api: Api, *lines: tuple[object, object]):
    items = [{"product": str(product), "quantity": quantity} for product, quantity in lines]
    return api.post("/api/orders/", {"items": items})


def stock(product: Product) -> int:
    return Product.objects.get(pk=product.pk).stock


def test_an_order_takes_stock_and_keeps_the_price_of_its_moment(member):
    lamp, rope = add(), add("rope", "2.35", 10)
    customer = member("customer")
    answer = place(customer, (lamp.pk, 2), (rope.pk, 3))
    assert answer.status_code == 201
    order = answer.json()
    assert (order["status"], order["total"], order["currency"]) == ("pending", "27.05", "EUR")
    assert [(i["product_name"], i["quantity"], i["line_total"]) for i in order["items"]] == [
        ("Lamp", 2, "20.00"),
        ("Rope", 3, "7.05"),
    ]
    assert (stock(lamp), stock(rope)) == (3, 7)
    Product.objects.update(price=99, name="Renamed")
    again = customer.get(f"/api/orders/{order['id']}/").json()
    assert (again["total"], again["items"][0]["unit_price"]) == ("27.05", "10.00")


def test_the_answer_is_what_reading_the_order_answers(member):
    products = [add(f"p{n}", f"{n}.30", 9) for n in (3, 1, 2)]
    customer = member("customer")
    answer = place(customer, *[(product.pk, 4) for product in products])
    read = customer.get(f"/api/orders/{answer.json()['id']}/")
    assert answer.content == read.content


def test_an_order_of_many_products_asks_no_more_than_one_of_one(member):
    products = [add(f"p{n}") for n in range(30)]
    customer = member("customer")
    # Who it is; stock, number, order, its history, lines, outbox; and the transaction's two.
    for some in (products[:1], products):
        lines = [(product.pk, 1) for product in some]
        assert count_queries(partial(place, customer, *lines)) == 9


def test_order_numbers_count_up_without_gaps(member):
    lamp = add(stock=1)
    customer = member("customer")
    first = place(customer, (lamp.pk, 1)).json()["number"]
    assert place(customer, (lamp.pk, 1)).status_code == 409
    assert first == 1001
    assert place(customer, (add("rope").pk, 1)).json()["number"] == 1002


def test_the_same_product_twice_is_added_up(member):
    lamp = add()
    order = place(member("customer"), (lamp.pk, 2), (lamp.pk, 1)).json()
    assert [i["quantity"] for i in order["items"]] == [3]
    assert stock(lamp) == 2


def test_an_order_for_more_than_the_stock_is_refused_and_leaves_nothing_behind(member):
    rope, lamp = add("rope"), add(stock=1)
    answer = place(member("customer"), (rope.pk, 2), (lamp.pk, 2))
    assert (answer.status_code, code(answer)) == (409, "out_of_stock")
    assert answer.json()["errors"][0]["detail"] == "There are only 1 of Lamp."
    assert (stock(rope), stock(lamp)) == (5, 1)
    assert (
        Order.objects.count(),
        OutboxEntry.objects.filter(kind="orders.confirmation").count(),
    ) == (0, 0)


def test_what_is_not_on_sale_or_not_there_cannot_be_ordered(member):
    customer = member("customer")
    hidden = add("hidden", is_active=False)
    for product in (hidden.pk, "01a2079e-a0ae-7519-b4f6-5c7fdb13d5ae"):
        answer = place(customer, (product, 1))
        assert (answer.status_code, code(answer)) == (409, "product_not_on_sale")
    assert Order.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": []},
        {"items": [{"product": "x", "quantity": 1}]},
        {"items": [{"product": "01a2079e-a0ae-7519-b4f6-5c7fdb13d5ae"}]},
        *[
            {"items": [{"product": "01a2079e-a0ae-7519-b4f6-5c7fdb13d5ae", "quantity": q}]}
            for q in (0, -1, 1.5, "many", 10_001, None, 1e300)
        ],
        {"items": [{"product": "01a2079e-a0ae-7519-b4f6-5c7fdb13d5ae", "quantity": 1}], "total": 1},
        {
            "items": [
                {"product": "01a2079e-a0ae-7519-b4f6-5c7fdb13d5ae", "quantity": 1, "unit_price": 1}
            ]
        },
        {"items": [{"product": "01a2079e-a0ae-7519-b4f6-5c7fdb13d5ae", "quantity": 1}] * 101},
    ],
)
def test_bad_bodies_are_refused(owner, body):
    assert owner.post("/api/orders/", body).status_code == 400
    assert Order.objects.count() == 0


def test_a_visitor_cannot_order(anonymous):
    assert place(anonymous, (add().pk, 1)).status_code == 401


def test_people_see_their_own_orders_and_staff_see_all(member):
    lamp = add()
    ann, ben = member("customer", "ann@acme.example"), member("customer", "ben@acme.example")
    order = place(ann, (lamp.pk, 1)).json()
    seen = lambda api: [o["id"] for o in api.get("/api/orders/").json()["results"]]  # noqa: E731
    assert (seen(ann), seen(ben), seen(member("staff"))) == ([order["id"]], [], [order["id"]])
    assert ben.get(f"/api/orders/{order['id']}/").status_code == 404
    assert ben.post(f"/api/orders/{order['id']}/cancel/").status_code == 404


def test_cancelling_gives_the_stock_back_once(member):
    lamp = add()
    customer = member("customer")
    order = place(customer, (lamp.pk, 4)).json()
    cancel = f"/api/orders/{order['id']}/cancel/"
    assert customer.post(cancel).json()["status"] == "cancelled"
    assert stock(lamp) == 5
    again = customer.post(cancel)
    assert again.status_code == 403
    assert code(member("staff").post(cancel)) == "illegal_transition"
    assert stock(lamp) == 5


def test_an_order_goes_its_way_by_those_who_may_and_no_other_way(member):
    customer, staff, manager = member("customer"), member("staff"), member("manager")
    path = f"/api/orders/{place(customer, (add().pk, 1)).json()['id']}"
    assert customer.post(f"{path}/pay/").status_code == 403
    assert code(staff.post(f"{path}/ship/")) == "illegal_transition"
    for step, status in (("pay", "paid"), ("ship", "shipped"), ("deliver", "delivered")):
        assert staff.post(f"{path}/{step}/").json()["status"] == status
    assert code(staff.post(f"{path}/cancel/")) == "illegal_transition"
    assert staff.post(f"{path}/refund/").status_code == 403
    assert manager.post(f"{path}/refund/").json()["status"] == "refunded"
    assert code(manager.post(f"{path}/pay/")) == "illegal_transition"


def test_the_list_has_the_same_number_of_queries_for_one_order_and_for_thirty(member):
    lamp = add(stock=100)
    customer = member("customer")

    def queries() -> int:
        return count_queries(lambda: customer.get("/api/orders/?page_size=50"))

    place(customer, (lamp.pk, 1))
    few = queries()
    for _ in range(30):
        place(customer, (lamp.pk, 1))
    assert queries() == few


def test_what_is_in_stock_is_sold_once(portal):
    tenant = portal()
    owner = Api(tenant.primary_host).signed_in(f"owner@{tenant.primary_host.split('.')[0]}.example")
    with tenant_scope(tenant):
        products = [add(f"p{n}", stock=10) for n in range(3)]

    def one(number: int) -> int:
        api = Api(tenant.primary_host, owner.token)
        lines = [(p.pk, 1) for p in products]
        try:
            # Every second one in the other direction: no deadlock.
            return place(api, *(lines if number % 2 else reversed(lines))).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(one, range(24)))
    assert statuses == [201] * 10 + [409] * 14
    with tenant_scope(tenant):
        assert [stock(p) for p in products] == [0, 0, 0]
        numbers = list(Order.objects.order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1001, 1011))
        total = sum((o.total for o in Order.objects.all()), Decimal(0))
        assert total == sum((i.line_total for i in OrderItem.objects.all()), Decimal(0))


def test_stock_that_comes_back_while_an_order_waits_for_it_is_found(portal):
    tenant = portal()
    owner = Api(tenant.primary_host).signed_in(f"owner@{tenant.primary_host.split('.')[0]}.example")

    def order() -> int:
        try:
            return place(Api(tenant.primary_host, owner.token), (lamp.pk, 5)).status_code
        finally:
            connection.close()

    with tenant_scope(tenant), ThreadPoolExecutor(1) as pool:
        lamp = add(stock=0)
        with transaction.atomic():
            Product.objects.all().return_stock(lamp.pk, 5)
            waiting = pool.submit(order)
            until(_somebody_waits, 10, "an order that waits for the lamp")
        assert waiting.result() == 201
        assert stock(lamp) == 0


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


def test_a_customer_cannot_cancel_what_was_paid_meanwhile(member, monkeypatch):
    lamp = add()
    customer = member("customer")
    order = place(customer, (lamp.pk, 1)).json()
    original = Order.move_to

    def late(self, *args, **kwargs):
        Order.objects.update(status="paid")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Order, "move_to", late)
    assert code(customer.post(f"/api/orders/{order['id']}/cancel/")) == "illegal_transition"
    assert Order.objects.get().status == "paid"


def test_an_order_says_when_it_last_changed(member):
    staff = member("staff")
    order = place(staff, (add().pk, 1)).json()
    paid = staff.post(f"/api/orders/{order['id']}/pay/").json()
    assert paid["updated_at"] > order["updated_at"]


def test_the_dearest_order_there_can_be_is_kept_exactly(member):
    dear = [add(f"d{n}", price="99999999.99", stock=10_000) for n in range(100)]
    answer = place(member("customer"), *[(product.pk, 10_000) for product in dear])
    assert answer.status_code == 201
    assert answer.json()["total"] == "99999999990000.00"


def test_cancelling_never_fails_for_a_full_stock(member):
    lamp = add(stock=5)
    customer = member("customer")
    order = place(customer, (lamp.pk, 5)).json()
    Product.objects.update(stock=2_147_483_647)
    assert customer.post(f"/api/orders/{order['id']}/cancel/").status_code == 200
    assert stock(lamp) == 2_147_483_647
