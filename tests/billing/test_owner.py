"""What an owner does about paying, by the API, with Stripe over HTTP."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from billing import dunning
from billing.applying import compare
from billing.beginning import begin
from billing.models import Subscription, SubscriptionStatus
from shared_apps.plans.models import Plan
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.models import TenantStatus
from shared_apps.tenants.scope import no_scope, public_scope
from tenant_apps.users.api_keys.issuing import issue
from tenant_apps.users.models import Role, User
from tests.api import PASSWORD, Admin, Api, code
from tests.billing.paying import again, host_of, inside, stand

BILLING = "/api/billing/"
POSTS = ["change", "checkout", "portal", "cancel", "resume"]


def owner_of(subscription: Subscription) -> Api:
    domain_map.clear()
    return Api(host_of(subscription)).signed_in(subscription.owner_email)


@pytest.fixture
def unpaid(subscription) -> Subscription:
    """A portal with the free plan that Stripe knows nothing of."""
    with public_scope():
        free = Plan.objects.get(code="free")
        subscription.change(plan=free, status=SubscriptionStatus.ACTIVE, trial_ends_at=None)
        subscription.tenant.change(plan=free)
    domain_map.clear()
    return subscription


@pytest.fixture
def now_there(paying, stripe):
    """Stripe's present, after the trial, is ours too."""
    with time_machine.travel(datetime.fromtimestamp(stripe.now, UTC)):
        yield


def told(api: Api) -> dict[str, object]:
    answer = api.get(BILLING)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_what_is_paid_is_told(paying):
    billing = told(owner_of(paying))
    assert (billing["plan"], billing["status"], billing["is_charged"]) == (
        "business",
        "active",
        True,
    )
    assert (billing["trial_ends_at"], billing["dunning"]) == (None, None)
    assert billing["period_ends_at"] > timezone.now().isoformat()
    prices = {(each["plan"], each["interval"]): each["price"] for each in billing["offers"]}
    assert (prices["team", "year"], prices["free", "month"]) == ("290.00", "0.00")
    assert ("free", "year") not in prices


def test_a_change_costs_what_its_preview_said(paying, stripe):
    owner = owner_of(paying)
    preview = owner.get(f"{BILLING}preview/", {"plan": "business", "interval": "year"}).json()
    assert Decimal(preview["due"]) > 1200
    assert sum(Decimal(line["amount"]) for line in preview["lines"]) == Decimal(preview["due"])
    assert (preview["currency"], preview["needs_checkout"]) == ("EUR", False)
    body = {"plan": "business", "interval": "year", "prorated_at": preview["prorated_at"]}
    assert owner.post(f"{BILLING}change/", body).json()["interval"] == "year"
    owner.post(f"{BILLING}change/", body)
    [invoice, *_earlier] = owner.get(f"{BILLING}invoices/").json()["results"]
    assert (invoice["status"], invoice["total"]) == ("paid", preview["due"])
    assert invoice["url"].startswith("https://")
    yearly = [
        each for each in owner.get(f"{BILLING}invoices/").json()["results"] if each == invoice
    ]
    assert len(yearly) == 1


def test_a_smaller_plan_is_credited_and_given_at_once(paying, now_there):
    owner = owner_of(paying)
    preview = owner.get(f"{BILLING}preview/", {"plan": "team"}).json()
    assert preview["due"] == "0.00"
    assert 118 < Decimal(preview["credit"]) <= 120
    answer = owner.post(f"{BILLING}change/", {"plan": "team"})
    assert (answer.status_code, answer.json()["plan"]) == (200, "team")
    assert again(paying).tenant.plan.code == "team"


def test_a_bigger_plan_is_charged_at_once(paying, now_there):
    owner = owner_of(paying)
    owner.post(f"{BILLING}change/", {"plan": "team"})
    body = {"plan": "business"}
    preview = owner.get(f"{BILLING}preview/", body).json()
    assert (preview["due"], preview["credit"]) == ("0.00", "0.00"), "paid by what was given back"
    assert owner.post(f"{BILLING}change/", body).json()["plan"] == "business"
    [invoice, *_earlier] = owner.get(f"{BILLING}invoices/").json()["results"]
    assert (invoice["status"], 118 < Decimal(invoice["total"]) <= 120) == ("paid", True)


def test_a_change_on_trial_costs_nothing_yet(on_trial):
    owner = owner_of(on_trial)
    preview = owner.get(f"{BILLING}preview/", {"plan": "team"}).json()
    assert (Decimal(preview["due"]), preview["lines"]) == (0, [])
    changed = owner.post(f"{BILLING}change/", {"plan": "team", "interval": "year"}).json()
    assert (changed["plan"], changed["interval"], changed["status"]) == ("team", "year", "trialing")


def test_a_change_whose_payment_fails_changes_nothing(paying, stripe):
    owner = owner_of(paying)
    stripe.let_payments_fail(paying.stripe_customer)
    answer = owner.post(f"{BILLING}change/", {"plan": "business", "interval": "year"})
    assert (answer.status_code, code(answer)) == (402, "payment_refused")
    assert "declined" in answer.json()["errors"][0]["detail"]
    assert told(owner)["interval"] == "month"
    assert again(paying).tenant.status == TenantStatus.ACTIVE


def test_the_free_plan_comes_at_the_periods_end_and_can_be_taken_back(paying, stripe):
    owner = owner_of(paying)
    ends = told(owner)["period_ends_at"]
    preview = owner.get(f"{BILLING}preview/", {"plan": "free"}).json()
    assert (preview["takes_effect_at"], Decimal(preview["due"])) == (ends, 0)
    changed = owner.post(f"{BILLING}change/", {"plan": "free"}).json()
    assert (changed["plan"], changed["cancels_at_period_end"]) == ("business", True)
    for _ in range(2):
        resumed = owner.post(f"{BILLING}resume/").json()
        assert resumed["cancels_at_period_end"] is False
    for _ in range(2):
        assert owner.post(f"{BILLING}cancel/").json()["cancels_at_period_end"] is True
    stripe.advance(timedelta(days=32))
    with public_scope():
        compare(again(paying))
    ended = told(owner)
    assert (ended["plan"], ended["is_charged"], ended["period_ends_at"]) == ("free", False, None)
    assert code(owner.post(f"{BILLING}cancel/")) == "not_subscribed"
    assert code(owner.post(f"{BILLING}resume/")) == "not_subscribed"


def test_choosing_a_plan_that_is_paid_takes_a_cancellation_back(paying):
    owner = owner_of(paying)
    owner.post(f"{BILLING}cancel/")
    changed = owner.post(f"{BILLING}change/", {"plan": "team"}).json()
    assert changed["cancels_at_period_end"] is False


def test_a_paid_plan_begins_at_checkout(unpaid, stripe):
    owner = owner_of(unpaid)
    preview = owner.get(f"{BILLING}preview/", {"plan": "team", "interval": "year"}).json()
    assert (preview["due"], preview["needs_checkout"]) == ("0.00", True), "on trial first"
    refused = owner.post(f"{BILLING}change/", {"plan": "team"})
    assert (refused.status_code, code(refused)) == (409, "checkout_needed")
    urls = [
        owner.post(f"{BILLING}checkout/", {"plan": "team", "interval": "year"}).json()["url"]
        for _ in range(2)
    ]
    sessions = stripe.client().v1.checkout.sessions.list({}).data
    assert [one.status for one in sessions] == ["open", "expired"], "one at a time"
    assert urls[1] == sessions[0].url
    stripe.complete_checkout(sessions[0].id)
    with public_scope():
        compare(again(unpaid))
    billing = told(owner)
    assert (billing["plan"], billing["interval"], billing["status"]) == ("team", "year", "trialing")
    again_ = owner.post(f"{BILLING}checkout/", {"plan": "business"})
    assert (again_.status_code, code(again_)) == (409, "subscribed_already")


def test_who_was_on_trial_once_pays_at_once(unpaid, stripe):
    with public_scope():
        again(unpaid).change(trial_ends_at=timezone.now() - timedelta(days=3))
    owner = owner_of(unpaid)
    assert owner.get(f"{BILLING}preview/", {"plan": "team"}).json()["due"] == "29.00"
    owner.post(f"{BILLING}checkout/", {"plan": "team"})
    [session] = stripe.client().v1.checkout.sessions.list({}).data
    assert session.amount_total == 2900


def test_checkout_does_not_buy_a_plan_beside_the_trial_that_begins(subscription, stripe):
    """A sign-up's outbox may not have run yet."""
    with public_scope():
        subscription.change(
            status=SubscriptionStatus.TRIALING,
            trial_ends_at=timezone.now() + timedelta(days=14),
        )
    answer = owner_of(subscription).post(f"{BILLING}checkout/", {"plan": "team"})
    assert code(answer) == "subscribed_already"
    assert stripe.client().v1.checkout.sessions.list({}).data == []


def test_the_customer_portal_is_this_customers(paying, stripe):
    url = owner_of(paying).post(f"{BILLING}portal/").json()["url"]
    assert url.startswith("https://billing.stripe.com/")
    sent = [one for one in stripe.requests if one.path == "/v1/billing_portal/sessions"]
    assert sent[-1].params["customer"] == paying.stripe_customer
    assert sent[-1].params["return_url"].startswith(f"http://{host_of(paying)}")


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("change", {"plan": "none"}, "invalid_choice"),
        ("change", {"plan": "team", "interval": "week"}, "invalid_choice"),
        ("change", {"plan": "team", "price": 1}, "unknown_field"),
        ("change", {}, "required"),
        ("change", {"plan": "team", "prorated_at": "2020-01-01T00:00:00Z"}, "too_old"),
        ("change", {"plan": "team", "prorated_at": "2120-01-01T00:00:00Z"}, "too_old"),
        ("checkout", {"plan": 7}, "wrong_type"),
    ],
)
def test_a_bad_choice_is_refused_by_name(paying, stripe, path, body, why):
    asked = len(stripe.requests)
    answer = owner_of(paying).post(f"{BILLING}{path}/", body)
    assert (answer.status_code, code(answer)) == (400, why)
    assert len(stripe.requests) == asked


def test_a_plan_that_is_not_on_offer_is_not_to_be_had(paying):
    owner = owner_of(paying)
    with public_scope():
        Plan.objects.filter(code="team").update(is_public=False)
    try:
        answer = owner.post(f"{BILLING}change/", {"plan": "team"})
    finally:
        with public_scope():
            Plan.objects.filter(code="team").update(is_public=True)
    assert (answer.status_code, code(answer)) == (400, "does_not_exist")


def test_only_the_owner_pays(paying, stripe):
    host = host_of(paying)
    with inside(paying):
        User.objects.create_member("admin@x.example", PASSWORD, role="admin")
        owner = User.objects.get(email=paying.owner_email)
        role = Role.objects.get(code="admin")
        _key, text = issue(acting=owner, name="k", role=role, scopes=["products:read"])
    admin, anyone, key = Api(host).signed_in("admin@x.example"), Api(host), Api(host, text)
    asked = len(stripe.requests)
    for path in ("", "preview/", "invoices/"):
        assert admin.get(f"{BILLING}{path}").status_code == 403
        assert anyone.get(f"{BILLING}{path}").status_code == 401
        assert code(key.get(f"{BILLING}{path}")) == "not_for_keys"
    for name in POSTS:
        assert admin.post(f"{BILLING}{name}/").status_code == 403
        assert anyone.post(f"{BILLING}{name}/").status_code == 401
        assert code(key.post(f"{BILLING}{name}/")) == "not_for_keys"
    assert len(stripe.requests) == asked


def test_a_neighbours_subscription_is_out_of_reach(on_trial, portal, stripe):
    theirs = portal()
    with public_scope():
        neighbour = Subscription.objects.select_related("tenant").get(tenant=theirs.id)
        begin(neighbour)
    before = again(neighbour)
    owner = owner_of(on_trial)
    owner.post(f"{BILLING}change/", {"plan": "team"})
    owner.post(f"{BILLING}cancel/")
    after = again(neighbour)
    assert (after.plan_id, after.looks) == (before.plan_id, before.looks)
    assert not stripe.object(before.stripe_subscription)["cancel_at_period_end"]
    token = owner.headers
    stranger = Api(theirs.primary_host)
    stranger.headers = token
    assert stranger.get(BILLING).status_code == 401


@pytest.mark.parametrize("status", ["suspended", "closing"])
def test_of_a_portal_that_is_shut_only_the_owner_gets_in_and_only_to_settle(paying, status):
    host = host_of(paying)
    with inside(paying):
        User.objects.create_member("admin@x.example", PASSWORD, role="admin")
    admin = Api(host).signed_in("admin@x.example")
    stand(paying, status)
    why = f"tenant_{status}"
    body = {"email": "admin@x.example", "password": PASSWORD}
    answer = admin.post("/api/auth/login/", body)
    assert (answer.status_code, code(answer)) == (403, why)
    assert Api(host).post("/api/auth/login/", body | {"password": "x"}).status_code == 401
    for path in ("/api/me/", "/api/usage/", BILLING):
        answer = admin.get(path)
        assert (answer.status_code, code(answer)) == (403, why), path
        assert Api(host).get(path).status_code == 401
    owner = owner_of(paying)
    for path in ("/api/me/", "/api/usage/", BILLING, f"{BILLING}invoices/"):
        assert owner.get(path).status_code == 200, path
    assert owner.post(f"{BILLING}portal/").status_code == 200
    for path in ("/api/products/", "/api/orders/", "/api/users/", "/api/settings/"):
        answer = owner.get(path)
        assert (answer.status_code, code(answer)) == (403, why), path
    assert code(owner.patch("/api/me/", {"name": "x"})) == why
    assert code(owner.post("/api/orders/", {})) == why


def test_with_a_browser_too(paying):
    host = host_of(paying)
    with inside(paying):
        admin = User.objects.create_member("admin@x.example", PASSWORD, role="admin")
        owner = User.objects.get(email=paying.owner_email)
        sessions = {name: Admin(host, person) for name, person in (("a", admin), ("o", owner))}
    stand(paying, "suspended")
    export = "/admin/products/product/export/"
    assert sessions["o"].get(export).status_code == 200
    assert sessions["a"].get(export).status_code == 403
    assert sessions["a"].get("/api/me/").status_code == 403
    assert sessions["o"].get("/api/me/").status_code == 200
    for who in sessions.values():
        assert who.get("/admin/").status_code == 403
    with no_scope():
        assert sessions["a"].client.post("/sign-out/").status_code == 302


def test_what_is_not_paid_can_be_paid_when_all_else_is_read_only(paying):
    with public_scope():
        again(paying).tenant.fall_past_due(grace=timedelta(seconds=-1))
    domain_map.clear()
    owner = owner_of(paying)
    assert owner.post("/api/orders/", {}).status_code == 402
    assert owner.post(f"{BILLING}portal/").status_code == 200


def test_what_is_open_is_paid_before_the_plan_is_changed(paying):
    with public_scope():
        dunning.payment_failed(again(paying))
    owner = owner_of(paying)
    assert told(owner)["dunning"] == "past_due"
    assert told(owner)["read_only_from"] is not None
    for plan in ("team", "free"):
        answer = owner.post(f"{BILLING}change/", {"plan": plan})
        assert (answer.status_code, code(answer)) == (409, "payment_needed")


def test_over_the_months_limit_one_can_still_buy_more(paying, monkeypatch):
    from shared_apps.tenants.api_use import api_use

    owner = owner_of(paying)
    most = paying.plan.limits["requests_per_month"]
    monkeypatch.setattr(api_use, "so_far", lambda tenant: most)
    assert owner.get("/api/products/").status_code == 402
    assert owner.get(BILLING).status_code == 200
    assert owner.post(f"{BILLING}portal/").status_code == 200


def test_without_stripe_one_goes_to_the_free_plan_and_is_told_whom_to_ask(portal, settings):
    settings.STRIPE_SECRET_KEY = ""
    tenant = portal()
    with public_scope():
        ours = Subscription.objects.select_related("tenant", "plan").get(tenant=tenant.id)
    owner = owner_of(ours)
    billing = told(owner)
    assert (billing["plan"], billing["takes_payments"]) == ("business", False)
    assert owner.get(f"{BILLING}invoices/").json()["results"] == []
    for name in ("checkout", "portal"):
        answer = owner.post(f"{BILLING}{name}/", {"plan": "team"} if name == "checkout" else {})
        assert (answer.status_code, code(answer)) == (409, "billing_not_configured")
    assert code(owner.post(f"{BILLING}change/", {"plan": "team"})) == "billing_not_configured"
    assert owner.post(f"{BILLING}change/", {"plan": "business"}).json()["plan"] == "business"
    assert owner.get(f"{BILLING}preview/", {"plan": "free"}).json()["takes_effect_at"] is None
    assert owner.post(f"{BILLING}change/", {"plan": "free"}).json()["plan"] == "free"
    assert again(ours).tenant.plan.code == "free"


@pytest.mark.parametrize("fault", ["hang", "500", "429", "reset"])
def test_stripe_away_is_a_503_within_its_bound_and_changes_nothing(paying, stripe, fault):
    owner = owner_of(paying)
    match fault:
        case "hang":
            stripe.hang(60, times=None)
        case "reset":
            stripe.reset_in_body(times=None)
        case status:
            stripe.fail(int(status), times=None)
    began = timezone.now()
    answer = owner.post(f"{BILLING}cancel/")
    assert (answer.status_code, code(answer)) == (503, "try_again")
    assert answer["Retry-After"]
    assert timezone.now() - began < timedelta(seconds=20)
    stripe.heal()
    assert told(owner)["cancels_at_period_end"] is False
    assert owner.post(f"{BILLING}cancel/").json()["cancels_at_period_end"] is True


def test_an_answer_that_was_lost_changes_the_plan_once(paying, stripe):
    owner = owner_of(paying)
    body = {"plan": "business", "interval": "year"}
    body["prorated_at"] = owner.get(f"{BILLING}preview/", body).json()["prorated_at"]
    stripe.reset_in_body(times=1, method="POST", path="/v1/subscriptions/.*", after=True)
    assert owner.post(f"{BILLING}change/", body).status_code == 503
    assert owner.post(f"{BILLING}change/", body).json()["interval"] == "year"
    totals = [each["total"] for each in owner.get(f"{BILLING}invoices/").json()["results"]]
    assert len([total for total in totals if Decimal(total) > 1000]) == 1
