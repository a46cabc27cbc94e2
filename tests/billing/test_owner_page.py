"""The page of the admin on which an owner sees, pays and changes the plan."""

import re

import pytest
from django.utils.formats import date_format

from billing import dunning
from billing.models import SubscriptionStatus
from shared_apps.plans.models import Plan
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.scope import public_scope
from tenant_apps.users.models import User
from tests.api import PASSWORD, Admin
from tests.billing.paying import again, host_of, inside

PAGE = "/admin/billing/"


def admin_of(subscription, email: str = "") -> Admin:
    domain_map.clear()
    with inside(subscription):
        return Admin(
            host_of(subscription), User.objects.get(email=email or subscription.owner_email)
        )


def text(answer) -> str:
    """Return what the page's main part says."""
    main = answer.content.decode().partition('<div id="main"')[2]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def follow(admin: Admin, path: str, data: dict[str, object] | None = None) -> str:
    """Send a form and return what the page it leads to says."""
    answer = admin.post(path, data or {})
    assert (answer.status_code, answer["Location"]) == (302, PAGE), answer
    return text(admin.get(PAGE))


def test_it_tells_what_is_paid_and_what_was(paying):
    page = text(admin_of(paying).get(PAGE))
    assert "Business , paid by the month. Active." in page
    assert "The next payment is due on" in page
    assert "149.00 EUR Paid Invoice" in page
    assert "Business, 149.00 EUR a month (your plan)" in page


def test_a_change_is_shown_confirmed_and_made(paying):
    admin = admin_of(paying)
    preview = admin.get(f"{PAGE}change/?offer=team-month")
    assert "Change to Team?" in text(preview)
    assert "Due now: 0.00 EUR" in text(preview)
    assert again(paying).plan.code == "business", "nothing has changed yet"
    moment = re.search(r'name="prorated_at" value="([^"]+)"', preview.content.decode())[1]
    page = follow(admin, f"{PAGE}change/", {"offer": "team-month", "prorated_at": moment})
    assert "The plan was changed." in page
    assert again(paying).tenant.plan.code == "team"


def test_to_end_and_to_go_on_after_all(paying):
    admin = admin_of(paying)
    assert "It ends on" in follow(admin, f"{PAGE}cancel/")
    assert again(paying).cancels_at_period_end
    assert "The next payment is due on" in follow(admin, f"{PAGE}resume/")
    assert not again(paying).cancels_at_period_end
    assert "What is paid lasts until" in text(admin.get(f"{PAGE}change/?offer=free-month"))


def test_stripes_pages_are_gone_to_and_the_policy_lets_one(paying, unpaid_too):
    answer = admin_of(paying).post(f"{PAGE}portal/", {})
    assert answer["Location"].startswith("https://billing.stripe.com/")
    admin = admin_of(unpaid_too)
    page = admin.get(f"{PAGE}change/?offer=team-year")
    assert "Continue to Stripe" in text(page)
    answer = admin.post(f"{PAGE}change/", {"offer": "team-year"})
    assert answer["Location"].startswith("https://checkout.stripe.com/")
    for policy in (page["Content-Security-Policy"], admin.get(PAGE)["Content-Security-Policy"]):
        assert "form-action 'self' https://*.stripe.com" in policy
    assert "stripe" not in admin.get("/admin/")["Content-Security-Policy"]


@pytest.fixture
def unpaid_too(portal, stripe):
    """Another portal, which has the free plan."""
    from billing.models import Subscription

    tenant = portal()
    with public_scope():
        ours = Subscription.objects.select_related("tenant", "plan").get(tenant=tenant.id)
        free = Plan.objects.get(code="free")
        ours.change(plan=free, status=SubscriptionStatus.ACTIVE, trial_ends_at=None)
        ours.tenant.change(plan=free)
    return ours


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"offer": "team"}, "Choose a plan."),
        ({"offer": "none-month"}, "is not a valid choice"),
        ({"offer": "team-month", "prorated_at": "2020-01-01T00:00:00Z"}, "too old"),
        ({}, "Choose a plan."),
    ],
)
def test_a_bad_choice_is_said_and_changes_nothing(paying, data, why):
    admin = admin_of(paying)
    assert why in follow(admin, f"{PAGE}change/", data)
    assert again(paying).plan.code == "business"
    answer = admin.get(f"{PAGE}change/?offer={data.get('offer', '')}")
    assert answer.status_code in (200, 302)


def test_what_stripe_refuses_is_said(paying, stripe):
    stripe.let_payments_fail(paying.stripe_customer)
    admin = admin_of(paying)
    assert "declined" in follow(admin, f"{PAGE}change/", {"offer": "business-year"})
    assert again(paying).interval == "month"


def test_without_stripe_for_a_moment_the_page_still_shows(paying, stripe):
    admin = admin_of(paying)
    stripe.fail(500, times=None)
    page = text(admin.get(PAGE))
    assert "invoices are shown again in a moment" in page
    assert "Business , paid by the month." in page
    assert "Stripe cannot be reached right now" in follow(admin, f"{PAGE}cancel/")


def test_where_no_payments_are_taken_one_is_told_whom_to_ask(paying, settings):
    settings.STRIPE_SECRET_KEY = ""
    page = text(admin_of(paying).get(PAGE))
    assert "No payments are taken here" in page
    assert "Payment details" not in page
    assert "Team" not in page


def test_only_owners_see_it_and_are_led_to_it(paying):
    with inside(paying):
        User.objects.create_member("admin@x.example", PASSWORD, role="admin")
    other, owner = admin_of(paying, "admin@x.example"), admin_of(paying)
    for path in ("", "change/?offer=team-month"):
        assert other.get(f"{PAGE}{path}").status_code == 403
    for path in ("change", "portal", "cancel", "resume"):
        assert other.post(f"{PAGE}{path}/", {"offer": "team-month"}).status_code == 403
    assert f'href="{PAGE}"' in owner.get("/admin/").content.decode()
    assert f'href="{PAGE}"' not in other.get("/admin/").content.decode()
    owner.client.cookies.clear()
    assert owner.get(PAGE)["Location"].startswith("/admin/login/?next=/admin/billing/")


def test_deeds_take_a_form(paying):
    admin = admin_of(paying)
    for name in ("portal", "cancel", "resume"):
        assert admin.get(f"{PAGE}{name}/").status_code == 405
    assert not again(paying).cancels_at_period_end


def test_the_owner_of_a_shut_portal_pays_and_takes_the_data_along(paying):
    with public_scope():
        dunning.payment_failed(again(paying))
        dunning.suspend(again(paying))
    admin = admin_of(paying)
    refused = admin.get("/admin/")
    assert refused.status_code == 403
    assert (
        f'href="{PAGE}"'
        in admin.client.get("/admin/", headers={"accept": "text/html"}).content.decode()
    )
    page = admin.get(PAGE)
    assert "This portal is suspended until it is paid for." in text(page)
    exports = re.findall(r'href="(/admin/\w+/\w+/export/)"', page.content.decode())
    assert "/admin/orders/order/export/" in exports
    for path in exports:
        assert admin.get(path).status_code == 200, path
    sheet = admin.post("/admin/products/product/export/", {"format": "2", "resource": ""})
    assert sheet.status_code in (200, 302)
    assert admin.post(f"{PAGE}portal/", {}).status_code == 302


def test_an_open_portal_has_its_exports_elsewhere(paying):
    assert "/export/" not in admin_of(paying).get(PAGE).content.decode()


def test_on_trial_it_says_when_that_ends(on_trial):
    page = text(admin_of(on_trial).get(PAGE))
    assert f"The trial ends on {date_format(on_trial.trial_ends_at)}." in page
    assert "On trial." in page
    assert "next payment" not in page
