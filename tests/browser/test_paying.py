"""An owner on trial looks at the plan, changes it, pays at Stripe, and ends it."""

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.api import PASSWORD
from tests.stack.running import until

from .looking import look
from .test_signing_up import fill_in, sign_in

PAGE = "/admin/billing/"


def leads_to(page: Page, button: str) -> str | None:
    """Press a button and return the host of Stripe's that it leads to."""
    with page.expect_request("https://*.stripe.com/**") as asked:
        page.get_by_role("button", name=button).click()
    page.wait_for_url("chrome-error://**")
    return urlsplit(asked.value.url).hostname


def test_an_owner_on_trial_pays_changes_and_ends_it(visit, stack):
    page = visit("", "/signup/")
    fill_in(page, "poplar")
    page.get_by_role("button", name="Open the portal").click()
    page.get_by_role("link", name="Sign in to your portal").click()
    sign_in(page, "owner@poplar.example")
    page.get_by_role("link", name="Plan and billing").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Plan and billing")

    def on_trial() -> bool:
        page.reload()
        return page.get_by_role("button", name="End the subscription").is_visible()

    until(on_trial, what="the worker to begin the trial")
    expect(page.get_by_text("The trial ends on")).to_be_visible()
    look(page, "billing-on-trial")

    assert leads_to(page, "Payment details") == "billing.stripe.com"
    [customer] = stack.stripe.client().v1.customers.list({"email": "owner@poplar.example"}).data
    stack.stripe.give_card(customer.id)

    page.goto(f"http://poplar.localhost:{stack.port}{PAGE}")
    page.get_by_label("Business, 1490.00 EUR a year").check()
    page.get_by_role("button", name="See what it costs").click()
    expect(page.get_by_text("Due now: 0.00 EUR")).to_be_visible()
    look(page, "billing-change")
    page.get_by_role("button", name="Change the plan").click()
    expect(page.get_by_text("The plan was changed.")).to_be_visible()
    expect(page.get_by_text("paid by the year")).to_be_visible()
    page.get_by_role("button", name="End the subscription").click()
    expect(page.get_by_text("It ends on")).to_be_visible()
    page.get_by_role("button", name="Go on after all").click()
    expect(page.get_by_text("The subscription goes on.")).to_be_visible()
    look(page, "billing-goes-on")


def test_a_paid_plan_begins_at_stripes_checkout_without_scripts_too(visit, stack):
    page = visit("", "/signup/", java_script_enabled=False)
    fill_in(page, "larch")
    page.get_by_label("Free", exact=False).first.check()
    page.get_by_role("button", name="Open the portal").click()
    page.get_by_role("link", name="Sign in to your portal").click()
    sign_in(page, "owner@larch.example")
    page.goto(f"http://larch.localhost:{stack.port}{PAGE}")
    page.get_by_label("Team, 29.00 EUR a month").check()
    page.get_by_role("button", name="See what it costs").click()
    expect(page.get_by_text("You pay at Stripe")).to_be_visible()
    assert leads_to(page, "Continue to Stripe") == "checkout.stripe.com"


def test_the_page_in_german(visit):
    page = visit("cypress", f"/admin/login/?next={PAGE}", locale="de-DE")
    page.locator("[name=username]").fill("owner@cypress.example")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[type=submit]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tarif und Zahlung")
    look(page, "billing-german")
