"""Bulk actions ask first, on a page that lists what will change."""

import re

import pytest

from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Favorite, Product
from tenant_apps.users.models import Role, User
from tenant_apps.users.roles.objects import give_grants
from tests.api import Admin, count_queries

ORDERS = "/admin/orders/order/"


def lamp(number: int = 0) -> Product:
    return Product.objects.create(name=f"Lamp {number}", slug=f"l{number}", price="2.50", stock=9)


def order(status: str = "pending") -> Order:
    owner = User.objects.get(email="owner@acme.example")
    placed = place_order(user=owner, items=[(lamp(Product.objects.count()).pk, 1)])
    Order.objects.filter(pk=placed.pk).update(status=status)
    return placed


def act(admin: Admin, action: str, *orders: Order, query: str = "", **form: object):
    chosen = [str(order.pk) for order in orders]
    return admin.post(
        f"{ORDERS}{query}", {"action": action, "_selected_action": chosen, "index": 0} | form
    )


def hidden(page) -> dict[str, object]:
    """Return what the page's form would send."""
    pairs = re.findall(
        r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.content.decode()
    )
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return {name: values for name, values in form.items() if name != "csrfmiddlewaretoken"}


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("pay", "pending", "paid"),
        ("ship", "paid", "shipped"),
        ("deliver", "shipped", "delivered"),
        ("cancel", "paid", "cancelled"),
        ("refund", "delivered", "refunded"),
    ],
)
def test_an_order_moves_after_the_page_was_answered_and_not_before(
    admin, acme, action, before, after
):
    one = order(before)
    page = act(admin, action, one)
    line = f"Order {one.number} of owner@acme.example, 2.50 EUR: {before}, will be {after}"
    assert f"<li>{line}</li>" in page.content.decode()
    assert f"These orders will be {after}. Are you sure?</p>" in page.content.decode()
    one.refresh_from_db()
    assert one.status == before
    assert admin.post(ORDERS, hidden(page)).status_code == 302
    one.refresh_from_db()
    assert one.status == after
    assert f"Now {after}: 1 ({one.number})." in admin.get(ORDERS).content.decode()


def test_the_page_tells_which_will_stay_and_only_those_move_that_may(admin, acme):
    fresh, done, other = order(), order("delivered"), order()
    page = act(admin, "pay", fresh, done)
    text = page.content.decode()
    assert f"Order {done.number} of owner@acme.example, 2.50 EUR: stays delivered" in text
    assert f"Order {other.number}" not in text
    admin.post(ORDERS, hidden(page))
    statuses = dict(Order.objects.values_list("number", "status"))
    assert statuses == {fresh.number: "paid", done.number: "delivered", other.number: "pending"}
    assert "cannot become paid" in admin.get(ORDERS).content.decode()


def test_all_rows_of_a_filtered_list_are_counted_and_moved(admin, acme):
    for _ in range(103):
        order()
    paid = order("paid")
    page = act(admin, "cancel", paid, query="?status__exact=pending", select_across="1")
    assert "And 3 more." in page.content.decode()
    assert Order.objects.filter(status="cancelled").count() == 0
    admin.post(f"{ORDERS}?status__exact=pending", hidden(page))
    assert Order.objects.filter(status="cancelled").count() == 103
    paid.refresh_from_db()
    assert paid.status == "paid"


def test_the_page_asks_as_many_queries_for_many_as_for_one(admin, acme):
    orders = [order()]
    few = count_queries(lambda: act(admin, "pay", *orders))
    orders += [order() for _ in range(30)]
    assert count_queries(lambda: act(admin, "pay", *orders)) == few


def test_whoever_may_not_refund_cannot_by_sending_the_answer(as_role, acme):
    one = order("paid")
    act(as_role("staff"), "refund", one, confirmed="yes")
    one.refresh_from_db()
    assert one.status == "paid"
    act(as_role("manager"), "refund", one, confirmed="yes")
    one.refresh_from_db()
    assert one.status == "refunded"


def test_products_are_deleted_after_the_page_was_answered_and_not_before(admin, acme):
    one, other = lamp(1), lamp(2)
    person = User.objects.create_member("p@x.example", None, role="customer")
    Favorite.objects.create(user=person, product=one)
    owner = User.objects.get(email="owner@acme.example")
    give_grants(acting=owner, to=[person], objects=[one], codenames=["view_product"])
    path = "/admin/products/product/"
    page = admin.post(path, {"action": "delete_selected", "_selected_action": str(one.pk)})
    text = page.content.decode()
    assert "Lamp 1" in text
    assert "Lamp 2" not in text
    assert Product.objects.count() == 2
    assert admin.post(path, hidden(page)).status_code == 302
    assert list(Product.objects.all()) == [other]


def test_roles_are_deleted_after_the_page_was_answered_and_built_in_ones_never(admin, acme):
    own = Role.objects.create(name="Own", rank=10)
    path = "/admin/users/role/"
    page = admin.post(path, {"action": "delete_selected", "_selected_action": str(own.pk)})
    assert "Own" in page.content.decode()
    assert Role.objects.filter(pk=own.pk).exists()
    admin.post(path, hidden(page))
    assert not Role.objects.filter(pk=own.pk).exists()
    staff = Role.objects.get(code="staff")
    admin.post(
        path, {"action": "delete_selected", "_selected_action": str(staff.pk), "post": "yes"}
    )
    assert Role.objects.filter(code="staff").exists()


def test_texts_on_the_page_are_escaped(admin, acme):
    one = order()
    page = act(admin, "pay", one, select_across='"><script>x</script>')
    assert "<script>x" not in page.content.decode()
