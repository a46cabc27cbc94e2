"""The dashboard: what the orders come to, what sells, what runs low, the use of the plan."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission

from config.dashboard import CARDS, DAYS
from shared_apps.tenants.scope import public_scope
from tenant_apps.orders.figures import orders_by_day
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import Role, User
from tests.api import PASSWORD, Admin, count_queries


def product(name: str = "Lamp", **values: object) -> Product:
    slug = f"p{Product.objects.count()}"
    return Product.objects.create(
        **{"name": name, "slug": slug, "price": "2.50", "stock": 100} | values
    )


def order(one: Product, quantity: int = 1, *, status: str = "paid", days_ago: int = 0) -> Order:
    owner = User.objects.get(email="owner@acme.example")
    placed = place_order(user=owner, items=[(one.pk, quantity)])
    moment = datetime.now(UTC) - timedelta(days_ago)
    Order.objects.filter(pk=placed.pk).update(status=status, created_at=moment)
    return placed


def page(admin: Admin) -> str:
    answer = admin.get("/admin/")
    assert answer.status_code == 200
    return answer.content.decode()


def titles(text: str) -> list[str]:
    return re.findall(r'<section class="[^"]*" aria-label="([^"]*)"', text)


def clerk_with(acme, *codenames: str) -> Admin:
    role = Role.objects.create(name="Clerk", rank=10)
    role.permissions.set(Permission.objects.filter(codename__in=["open_admin", *codenames]))
    clerk = User.objects.create_member("clerk@x.example", PASSWORD, role="customer")
    clerk.groups.add(role)
    return Admin(acme.primary_host, clerk)


def test_orders_and_revenue_are_added_up_by_day(admin, acme):
    lamp = product()
    order(lamp, 2)
    order(lamp, 1, status="pending")
    order(lamp, 4, status="shipped", days_ago=3)
    order(lamp, 8, status="refunded", days_ago=3)
    order(lamp, 1, status="cancelled")
    order(lamp, 1, days_ago=DAYS)
    days = orders_by_day(DAYS)
    assert [day.date for day in days] == [
        (datetime.now(UTC) - timedelta(number)).date() for number in reversed(range(DAYS))
    ]
    assert (days[-1].orders, days[-1].revenue) == (2, Decimal("5.00"))
    assert (days[-4].orders, days[-4].revenue) == (2, Decimal("10.00"))
    assert sum(day.orders for day in days) == 4
    text = page(admin)
    assert "4 orders, 15.00 EUR paid." in text
    row = f"{days[-4].date}</th><td>2</td><td>10.00</td>"
    assert row in text, "the table says what the drawing shows"
    assert text.count("<rect") == 2 * DAYS
    assert 'role="img" aria-label="Orders by day' in text


def test_what_was_paid_in_another_currency_is_not_added_up(admin, acme):
    order(product(), 2)
    Order.objects.update(currency="USD")
    assert "1 order, 0.00 EUR paid." in page(admin)


def test_what_sold_most_comes_first(admin, acme):
    cup, lamp, gone = product("Cup"), product("Lamp"), product("Gone")
    order(cup, 2)
    order(lamp, 3)
    order(lamp, 4, status="cancelled")
    order(cup, 9, days_ago=DAYS)
    order(gone, 50)
    gone.delete()
    card = page(admin).partition("Sold most")[2].partition("</section>")[0]
    assert re.findall(r">(\w+)</a></th><td>(\d+)</td>", card) == [("Lamp", "3"), ("Cup", "2")]
    assert f"/admin/products/product/{lamp.pk}/change/" in card


def test_what_runs_low_is_named(admin, acme):
    product("Few", stock=5)
    product("None", stock=0)
    product("Enough", stock=6)
    product("Hidden", stock=0, is_active=False)
    card = page(admin).partition("Low stock: 5 or fewer")[2].partition("</section>")[0]
    assert re.findall(r">(\w+)</a></th><td>(\d+)</td>", card) == [("None", "0"), ("Few", "5")]


def test_names_are_escaped(admin, acme):
    order(product("<script>x</script>", stock=3))
    text = page(admin)
    assert "<script>x" not in text
    assert text.count("&lt;script&gt;x") == 2


@pytest.mark.parametrize(
    ("codenames", "cards"),
    [
        ([], []),
        (["view_order"], ["Orders and revenue"]),
        (["view_product"], ["Low stock"]),
        (
            ["view_product", "view_order"],
            ["Orders and revenue", "Sold most", "Low stock"],
        ),
        (["view_user"], []),
        (["change_portalsettings"], ["Use of the plan"]),
    ],
)
def test_each_card_is_for_those_who_may_see_it(acme, codenames, cards):
    order(product(stock=2))
    text = page(clerk_with(acme, *codenames))
    assert [title.split(":")[0].split(",")[0] for title in titles(text)] == cards
    if "view_product" not in codenames:
        assert "Lamp" not in text


def test_it_asks_the_same_few_queries_for_nothing_and_for_much(admin, acme, monkeypatch):
    def queries() -> int:
        return count_queries(lambda: page(admin))

    none = queries()
    monkeypatch.setattr("config.dashboard.CARDS", [])
    without = queries()
    monkeypatch.setattr("config.dashboard.CARDS", CARDS)
    assert none - without <= 9
    for number in range(20):
        shelf = Category.objects.create(name=f"c{number}", slug=f"c{number}")
        order(product(f"P{number}", stock=3, category=shelf), days_ago=number)
    assert queries() == none


def test_the_operators_page_has_no_cards(public):
    with public_scope():
        operator = User.objects.create_operator("root@x.example", PASSWORD)
        assert titles(page(Admin("localhost", operator))) == []
