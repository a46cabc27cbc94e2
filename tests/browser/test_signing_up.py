"""From the public page to a portal of one's own, in every way a browser is used."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.api import PASSWORD

from .looking import PHONE, look, take_picture

WITHOUT_JAVASCRIPT = {"java_script_enabled": False}
ON_A_PHONE = {"viewport": PHONE, "is_mobile": True, "has_touch": True}


def fill_in(page: Page, subdomain: str) -> None:
    page.get_by_label("Company").fill(subdomain.capitalize())
    page.get_by_label("Address").fill(subdomain)
    page.get_by_label("Your e-mail").fill(f"owner@{subdomain}.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Team").check()


def sign_in(page: Page, email: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_a_company_signs_up_and_its_owner_is_in_their_admin(visit, stack):
    page = visit()
    look(page, "landing")
    page.get_by_role("link", name="Open your portal").click()
    page.wait_for_load_state()
    address, state = page.get_by_label("Address"), page.locator("#subdomain-state")
    address.press_sequentially("juniper")
    expect(state).to_have_text("This address is taken.")
    look(page, "sign-up-taken")
    fill_in(page, "maple")
    expect(state).to_have_text("maple is free.")
    look(page, "sign-up")
    page.get_by_role("button", name="Open the portal").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Maple is open")
    look(page, "signed-up")
    page.get_by_role("link", name="Sign in to your portal").click()
    look(page, "sign-in")
    sign_in(page, "owner@maple.example")
    expect(page.get_by_text("Use of the plan")).to_be_visible()
    page.goto(stack.link_to("owner@maple.example", "/confirm-email/"))
    look(page, "address-confirmed")


def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_kept(visit):
    page = visit("", "/signup/")
    fill_in(page, "juniper")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Open the portal").click()
    said = page.get_by_role("alert")
    expect(said).to_have_text([re.compile("taken"), re.compile("at least 10 characters")])
    expect(page.get_by_label("Your e-mail")).to_have_value("owner@juniper.example")
    expect(page.get_by_label("Team")).to_be_checked()
    look(page, "sign-up-refused")


@pytest.mark.parametrize(
    ("subdomain", "options"),
    [
        pytest.param("rowan", ON_A_PHONE, id="on a phone"),
        pytest.param("willow", WITHOUT_JAVASCRIPT, id="without JavaScript"),
    ],
)
def test_a_company_signs_up_and_in(visit, subdomain, options):
    page = visit("", "/signup/", **options)
    fill_in(page, subdomain)
    take_picture(page, f"sign-up-{subdomain}")
    page.get_by_role("button", name="Open the portal").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{subdomain.capitalize()} is open")
    take_picture(page, f"signed-up-{subdomain}")
    page.get_by_role("link", name="Sign in to your portal").click()
    sign_in(page, f"owner@{subdomain}.example")
    expect(page.get_by_text("Use of the plan")).to_be_visible()
    take_picture(page, f"dashboard-{subdomain}")


def test_a_company_signs_up_by_keyboard_alone(visit):
    page = visit()

    def tab_to(name: str) -> None:
        """Press Tab until the element of that name has the focus; each one shows that it has."""
        for _ in range(10):
            page.keyboard.press("Tab")
            focused = page.locator(":focus-visible")
            assert focused.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
            if name in focused.aria_snapshot():
                return
        raise AssertionError(f"Tab does not lead to {name}.")

    tab_to("Skip to the content")
    page.keyboard.press("Enter")
    tab_to("Open your portal")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Open your portal")
    for name, text in {
        "Company": "Hazel",
        "Address": "hazel",
        "Your e-mail": "owner@hazel.example",
        "Password": PASSWORD,
    }.items():
        tab_to(name)
        page.keyboard.type(text)
    tab_to("Free")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Team")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hazel is open")
