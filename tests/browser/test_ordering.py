"""A customer's way through the portal: catalogue, cart, orders, profile."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.stack.running import until

from .looking import look

PRODUCTS = "ul[aria-label=Products] h2"


@pytest.fixture
def customer(sign_in) -> Page:
    return sign_in("customer@juniper.example")


def test_the_list_follows_what_is_typed_and_the_address_keeps_it(visit):
    page = visit("juniper")
    look(page, "catalogue")
    page.get_by_label("Search the catalogue").press_sequentially("table")
    names = page.locator(PRODUCTS)
    expect(names).to_have_text([re.compile("Table")] * 3)
    page.get_by_label("Category").select_option("Lamps")
    expect(page.get_by_text("Nothing in the catalogue matches this.")).to_be_visible()
    look(page, "catalogue-nothing-found")
    page.reload()
    expect(page.get_by_label("Search the catalogue")).to_have_value("table")
    page.get_by_label("Search the catalogue").fill("")
    page.get_by_label("Order").select_option("Dearest first")
    expect(names).to_have_text(["Lamp 3", "Lamp 2", "Lamp 1"])
    page.go_back()
    expect(page.get_by_label("Search the catalogue")).to_have_value("table")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_customer_orders_and_sees_the_order(sign_in, stack, javascript):
    page = sign_in("customer@juniper.example", java_script_enabled=javascript)

    def seen(name: str) -> None:
        if javascript:
            look(page, name)

    page.get_by_label("Search the catalogue").fill("lamp")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Lamp 3").click()
    seen("product-page")
    page.get_by_label("Quantity").fill("2")
    page.get_by_role("button", name="Add to the cart").click()
    page.get_by_role("link", name="Cart").click()
    expect(page.get_by_role("cell", name="60.00 EUR")).to_be_visible()
    seen("cart")
    page.get_by_role("button", name="Place the order").click()
    expect(page.get_by_text("Thank you: your order is placed.")).to_be_visible()
    seen("order")
    number = page.url.rstrip("/").rpartition("/")[2]
    page.get_by_role("link", name="Orders", exact=True).click()
    expect(page.get_by_role("row", name=f"Order {number}")).to_contain_text("Pending")
    seen("orders-of-mine")
    mails = stack.mail
    until(
        lambda: mails.to("customer@juniper.example", f"Order {number} confirmed"), what="the mail"
    )


def test_somebody_changes_their_profile_and_signs_out(customer):
    customer.get_by_role("link", name="Profile").click()
    customer.get_by_label("Your name").fill("Carla Customer")
    customer.get_by_role("button", name="Save the name").click()
    expect(customer.get_by_role("heading", level=1)).to_have_text("Carla Customer")
    look(customer, "profile")
    customer.get_by_role("button", name="Change the password").click()
    expect(customer.get_by_role("alert").first).to_be_visible()
    look(customer, "profile-refused")
    customer.get_by_role("button", name="Sign out").click()
    expect(customer.get_by_role("link", name="Sign in")).to_be_visible()
