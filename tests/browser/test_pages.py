"""Pages that the other paths do not come by."""

import re

import pytest
from playwright.sync_api import expect

from tests.api import PASSWORD

from .looking import look

PRODUCTS = "/admin/products/product/"
OF_THE_OWNER = {
    "dashboard": "/admin/",
    "products": PRODUCTS,
    "product-new": f"{PRODUCTS}add/",
    "orders": "/admin/orders/order/",
    "people": "/admin/users/user/",
    "changes": "/admin/history/change/",
    "password": "/admin/password_change/",
}
OF_ANYBODY = {
    "plans": ("", "/plans/"),
    "admin-sign-in": ("juniper", "/admin/login/"),
    "docs": ("", "/api/docs/"),
    "forgotten-password": ("juniper", "/forgotten-password/"),
}


def test_pages_of_the_admin(owner):
    for name, path in OF_THE_OWNER.items():
        owner.goto(path)
        look(owner, name)


@pytest.mark.parametrize("name", OF_ANYBODY)
def test_pages_of_anybody(visit, name):
    page = visit(*OF_ANYBODY[name])
    page.wait_for_load_state("networkidle")
    look(page, name)


def test_a_product_its_price_and_who_changed_it(owner):
    owner.goto(PRODUCTS)
    owner.get_by_role("link", name="Table 2").click()
    owner.get_by_label("Price").fill("21.50")
    look(owner, "product")
    owner.get_by_role("button", name="Save", exact=True).click()
    owner.get_by_role("link", name="Table 2").first.click()
    owner.get_by_role("link", name="history History").click()
    expect(owner.get_by_role("row", name="price 20.00 21.50", exact=True)).to_be_visible()
    look(owner, "product-history")


def test_the_admin_is_entered_by_its_own_page(visit):
    page = visit("juniper", "/admin/login/")
    page.get_by_label("Email").fill("owner@juniper.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(re.compile("/admin/$"))
