"""The owner invites and adds people, makes a role, and asks who may do what."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.api import PASSWORD

from .looking import look, take_picture


@pytest.mark.parametrize("javascript", [True, False])
def test_somebody_is_invited_and_joins(owner, visit, stack, javascript):
    def seen(page: Page, name: str) -> None:
        if javascript:
            look(page, name)

    address = f"{'with' if javascript else 'without'}-scripts@juniper.example"
    owner.goto("/admin/users/invitation/add/")
    owner.get_by_label("Email").fill(address)
    owner.get_by_label("Staff").check()
    seen(owner, "invitation")
    owner.get_by_role("button", name="Save", exact=True).click()
    expect(owner.get_by_role("row", name=address)).to_contain_text("Open")
    seen(owner, "invitations")

    link = stack.link_to(address, "/invitation/")
    page = visit("juniper", link, java_script_enabled=javascript)
    seen(page, "invitation-accept")
    page.get_by_label("Your name").fill("New Colleague")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, New Colleague")
    seen(page, "invitation-accepted")
    # The page links to the admin, which asks in its own manner who it is.
    page.get_by_role("link", name="Sign in to the administration").click()
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Low stock: 5 or fewer")).to_be_visible()
    take_picture(page, f"dashboard-of-{address.partition('@')[0]}")
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is not valid")


def test_a_role_is_made_in_the_matrix(owner):
    owner.goto("/admin/users/role/add/")
    owner.get_by_label("Name").fill("Buyers")
    for cell in ("Products: view", "Products: change", "Portal: open the admin"):
        owner.get_by_label(cell).check()
    look(owner, "role")
    owner.get_by_role("button", name="Save", exact=True).click()
    look(owner, "roles")
    owner.get_by_role("link", name="Buyers", exact=True).first.click()
    expect(owner.get_by_label("Products: change")).to_be_checked()
    expect(owner.get_by_label("Products: delete")).not_to_be_checked()
    role = owner.url
    for page in ("members", "grant"):
        owner.goto(role.replace("/change/", f"/{page}/"))
        look(owner, f"role-{page}")


def test_why_somebody_may_do_something_is_asked(owner):
    owner.goto("/admin/users/user/")
    owner.get_by_role("link", name="customer@juniper.example").click()
    owner.get_by_role("link", name="Who may, and why?").click()
    owner.get_by_label("May do").select_option("Products: change")
    owner.get_by_role("button", name="Ask").click()
    expect(owner.get_by_role("status")).to_contain_text("No, they may not.")
    look(owner, "why")


def test_a_person_is_added_by_hand(owner):
    owner.goto("/admin/users/user/add/")
    owner.get_by_label("Email").fill("hand@juniper.example")
    for label in ("Password", "Password confirmation"):
        field = owner.get_by_label(label, exact=True)
        expect(field).not_to_have_css("border-top-width", "0px")
        field.fill(PASSWORD)
    look(owner, "person-new")
    owner.get_by_role("button", name="Save", exact=True).click()
    expect(owner.get_by_text("was added successfully")).to_be_visible()


def test_an_api_key_is_made_shown_once_replaced_and_revoked(owner):
    owner.goto("/admin/users/apikey/add/")
    owner.get_by_label("Name").fill("Warehouse")
    owner.get_by_label("Role").select_option("Staff")
    owner.get_by_label("products:read").check()
    owner.get_by_label("Expires in days").fill("30")
    look(owner, "api-key-new")
    owner.get_by_role("button", name="Save", exact=True).click()
    expect(owner.get_by_text(re.compile(r"^fh_\w+$"))).to_be_visible()
    look(owner, "api-key-shown")
    owner.get_by_role("link", name="I have copied it").click()
    expect(owner.get_by_role("row", name="Warehouse")).to_contain_text("products:read")
    look(owner, "api-keys")
    owner.get_by_role("link", name="Warehouse").click()
    expect(owner.get_by_text(re.compile(r"fh_\w+"))).to_have_count(0)
    look(owner, "api-key")

    def act(action: str) -> None:
        owner.goto("/admin/users/apikey/")
        owner.get_by_role("row", name="Warehouse").first.get_by_role("checkbox").check()
        owner.locator("select[name=action]").select_option(action)
        owner.get_by_role("button", name="Run").click()

    act("rotate")
    expect(owner.get_by_text(re.compile(r"^fh_\w+$"))).to_be_visible()
    act("revoke")
    look(owner, "api-key-revoke")
    owner.get_by_role("button", name="Yes, go on").click()
    expect(owner.get_by_text("The key Warehouse was revoked.")).to_be_visible()
