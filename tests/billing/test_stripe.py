"""What is made at Stripe, over HTTP: each thing once."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from billing import remote
from billing import stripe_gateway as gateway
from billing.beginning import begin
from billing.models import (
    PlanPrice,
    Subscription,
    SubscriptionStatus,
)
from billing.syncing import sync_plans
from shared_apps.plans.models import Plan
from shared_apps.tenants.scope import public_scope
from tenant_apps.users.models import User
from tests.api import PASSWORD, Admin


def test_plans_are_pushed_once_and_a_new_price_is_another(in_public, stripe):
    assert PlanPrice.objects.filter(is_current=True).count() == 4, "the free plan has none"
    assert sync_plans() == []
    before = PlanPrice.objects.get(plan__code="team", interval="month", is_current=True)
    Plan.objects.filter(code="team").update(price_month=31)
    try:
        [new] = sync_plans()
    finally:
        Plan.objects.filter(code="team").update(price_month=29)
    assert (new.amount, new.stripe_price != before.stripe_price) == (31, True)
    before.refresh_from_db()
    assert not before.is_current
    found = stripe.object(new.stripe_price)
    assert (found["unit_amount"], found["lookup_key"]) == (3100, "freehold_team_month")
    [again] = sync_plans()
    assert again.amount == 29


@pytest.mark.parametrize(("currency", "units"), [("JPY", 29), ("USD", 2900), ("KWD", 29000)])
def test_an_amount_is_told_in_the_smallest_unit_of_its_currency(in_public, stripe, currency, units):
    team = Plan.objects.filter(code="team")
    team.update(currency=currency)
    try:
        prices = {price.interval: price for price in sync_plans()}
    finally:
        team.update(currency="EUR")
    assert stripe.object(prices["month"].stripe_price)["unit_amount"] == units
    assert remote.amount(units, currency.lower()) == team.get().price_month


def test_a_sign_up_becomes_a_customer_on_trial(begun, in_public, stripe):
    assert begun.status == SubscriptionStatus.TRIALING
    customer = stripe.object(begun.stripe_customer)
    assert customer["email"] == begun.owner_email
    at_stripe = stripe.object(begun.stripe_subscription)
    assert (at_stripe["customer"], at_stripe["status"]) == (customer["id"], "trialing")
    assert begun.trial_ends_at is not None
    assert abs(begun.trial_ends_at - timezone.now() - timedelta(days=14)) < timedelta(days=1)


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/subscriptions"])
def test_what_was_made_but_not_answered_is_not_made_twice(subscription, in_public, stripe, path):
    stripe.fail(500, times=2, method="POST", path=f"{path}$", after=True)
    with pytest.raises(gateway.StripeUnavailable):
        begin(subscription)
    stripe.heal()
    subscription.refresh_from_db()
    begin(subscription)
    begin(Subscription.objects.get(pk=subscription.pk))
    subscription.refresh_from_db()
    client = stripe.client()
    assert len(client.v1.customers.list({"email": subscription.owner_email}).data) == 1
    assert len(gateway.subscriptions_of(subscription.stripe_customer)) == 1


def test_stripe_makes_a_thing_once_for_who_asks_twice(begun, in_public, stripe):
    nobody = json.dumps({"object": "list", "data": [], "has_more": False}).encode()
    made = set()
    for _ in range(2):
        stripe.answer(nobody, method="GET", path="/v1/customers$")
        made.add(gateway.make_customer("a-tenant", name="A", email="a@x.example"))
    assert len(made) == 1
    stripe.give_card(begun.stripe_customer)
    remote, now = gateway.subscriptions_of(begun.stripe_customer)[0], timezone.now()
    team = PlanPrice.objects.get(plan__code="team", interval="month", is_current=True)
    for _ in range(2):
        gateway.change_price(remote, team.stripe_price, now)
    assert [request.replayed for request in stripe.requests[-2:]] == [False, True]


def test_an_operator_gives_a_plan_that_nobody_pays_for(subscription, stripe):
    with public_scope():
        operator = User.objects.create_operator("plans@x.example", PASSWORD)
        page = Admin("localhost", operator)
        team = Plan.objects.get(code="team")
        form = {"name": "Renamed", "plan": str(team.pk), "domains-TOTAL_FORMS": "0"}
        form |= {"domains-INITIAL_FORMS": "0", "grace_until_0": "", "grace_until_1": ""}
        path = f"/admin/tenants/tenant/{subscription.tenant_id}/change/"
        assert page.post(path, form).status_code == 302
        subscription.refresh_from_db()
        assert (subscription.plan.code, subscription.tenant.plan.code) == ("team", "team")
        subscription.change(stripe_subscription="sub_x")
        business = Plan.objects.get(code="business")
        assert page.post(path, form | {"plan": str(business.pk)}).status_code == 302
        subscription.refresh_from_db()
        assert (subscription.plan.code, subscription.tenant.plan.code) == ("team", "team")
