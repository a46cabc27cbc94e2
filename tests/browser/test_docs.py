"""The docs page: operations are tried out there, with a key made as the guide says."""

import json
from typing import Any

from playwright.sync_api import Locator, Page, expect

from .looking import take_picture

SCOPES = ("products:read", "orders:read", "orders:write")


def operation(page: Page, name: str) -> Locator:
    """Open an operation to be tried out."""
    one = page.locator(f"[id$=-{name}].opblock")
    one.locator(".opblock-summary-control").click()
    one.get_by_role("button", name="Try it out").click()
    return one


def answer(one: Locator, status: int) -> Any:
    """Send it, expect the status and return the answer's body."""
    one.get_by_role("button", name="Execute").click()
    answered = one.locator(".live-responses-table .response")
    expect(answered.locator(".response-col_status")).to_have_text(str(status))
    return json.loads(answered.locator("code.language-json").inner_text())


def test_a_key_from_the_admin_lists_products_and_orders_one(owner, visit):
    owner.goto("/admin/users/apikey/add/")
    owner.get_by_label("Name").fill("Docs")
    owner.get_by_label("Role").select_option(label="Customer")
    for scope in SCOPES:
        owner.get_by_label(scope, exact=True).check()
    owner.get_by_role("button", name="Save", exact=True).click()
    key = owner.get_by_text("fh_").inner_text()

    page = visit("juniper", "/api/docs/")
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".auth-container", has_text="api_key")
    dialog.get_by_role("textbox").fill(key)
    dialog.get_by_role("button", name="Apply credentials").click()
    page.locator(".close-modal").click()
    listed = operation(page, "list_products")
    products = answer(listed, 200)["results"]
    assert products
    assert all({"name", "price"} <= set(product) for product in products)
    take_picture(page, "docs-products")
    placing = operation(page, "place_order")
    body = placing.get_by_role("textbox").last
    assert set(json.loads(body.input_value())["items"][0]) == {"product", "quantity"}
    lamp = next(product for product in products if product["stock"])
    body.fill(json.dumps({"items": [{"product": lamp["id"], "quantity": 1}]}))
    order = answer(placing, 201)
    assert (order["status"], order["total"]) == ("pending", lamp["price"])
    assert [each["id"] for each in answer(operation(page, "list_orders"), 200)["results"]] == [
        order["id"]
    ]


def test_the_public_hosts_page_lists_plans(visit):
    page = visit("", "/api/docs/")
    plans = answer(operation(page, "list_plans"), 200)["results"]
    assert {"free", "team"} <= {plan["code"] for plan in plans}


def test_whoever_is_signed_in_on_the_portal_needs_no_key(owner):
    owner.goto("/api/docs/")
    product = answer(operation(owner, "list_products"), 200)["results"][0]
    adding = operation(owner, "add_favorite")
    adding.get_by_placeholder("id", exact=True).fill(product["id"])
    assert answer(adding, 200) == {"status": "added"}
