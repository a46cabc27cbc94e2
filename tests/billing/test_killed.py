"""kill -9 between Stripe's answer and what we keep of it: nothing is lost, nobody pays twice."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from billing import inbox
from billing import stripe_gateway as gateway
from billing.beginning import begin
from billing.models import EventState, Notice, StripeEvent, Subscription, SubscriptionStatus
from billing.reconciling import reconcile
from shared_apps.tenants.scope import no_scope, public_scope
from tests.api import Api
from tests.billing.paying import again, host_of
from tests.faults.test_failpoints import NAMES
from tests.stack.running import ROOT

START = """
import json, sys, django
django.setup()
from billing import inbox
from billing.beginning import begin
from billing.models import Subscription
from billing.owner import paying
from shared_apps.tenants.domain_map import load_tenant
from shared_apps.tenants.scope import public_scope, tenant_scope
from django.utils import timezone
ours, given = sys.argv[1:]
with public_scope():
    ours = Subscription.objects.select_related("tenant", "plan").get(pk=ours)
"""
BEGIN = """
with public_scope():
    begin(ours)
"""
KEEP = """
with public_scope():
    inbox.keep(json.loads(given))
"""
APPLY = """
with public_scope():
    inbox.apply(given)
"""
CHANGE = """
with public_scope():
    tenant = load_tenant(ours.tenant_id)
with tenant_scope(tenant):
    paying.change(paying.plan_on_offer("business"), "year", timezone.now())
"""


def kill(stripe, failpoint: str, deed: str, ours: Subscription, given: str = "") -> None:
    """Do ``deed`` in a process that is killed at ``failpoint``."""
    environment = {
        **os.environ,
        "STRIPE_SECRET_KEY": stripe.api_key,
        "STRIPE_API_URL": stripe.url,
        "FREEHOLD_FAILPOINT": failpoint,
    }
    command = [sys.executable, "-c", START + deed, str(ours.pk), given]
    died = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr[-500:]


def everything_found() -> None:
    """Let what runs by the clock run, as if all had waited for long."""
    with public_scope():
        Subscription.objects.update(started_at=timezone.now() - timedelta(hours=1))
        reconcile()
        inbox.apply_waiting(timedelta(0))


def test_every_failpoint_of_billing_is_here():
    here = Path(__file__).read_text()
    assert [name for name in NAMES if name.startswith("billing.") and f'"{name}"' not in here] == []


@pytest.mark.parametrize(
    "failpoint",
    ["billing.after_making_the_customer", "billing.after_subscribing", "billing.after_asking"],
)
def test_a_beginning_killed_anywhere_is_made_once(stripe, subscription, failpoint):
    with public_scope():
        ends = timezone.now() + timedelta(days=14)
        subscription.change(status=SubscriptionStatus.TRIALING, trial_ends_at=ends)
    kill(stripe, failpoint, BEGIN, subscription)
    everything_found()
    ours = again(subscription)
    with public_scope():
        begin(ours)
        [theirs] = gateway.subscriptions_of(ours.stripe_customer)
    assert (ours.status, theirs.id) == (SubscriptionStatus.TRIALING, ours.stripe_subscription)
    made = list(stripe.client().v1.customers.list({"limit": 100}).auto_paging_iter())
    assert [one.id for one in made if one.email == ours.owner_email] == [ours.stripe_customer]


@pytest.mark.parametrize("failpoint", ["billing.before_keeping", "billing.after_keeping"])
def test_an_event_that_was_being_kept_has_its_effect(stripe, on_trial, failpoint):
    stripe.advance(timedelta(days=15))
    event = stripe.events("customer.subscription.updated")[-1]
    kill(stripe, failpoint, KEEP, on_trial, json.dumps(event))
    with public_scope():
        kept = StripeEvent.objects.filter(event_id=event["id"]).count()
    assert kept == (failpoint == "billing.after_keeping")
    everything_found()
    assert again(on_trial).status == SubscriptionStatus.ACTIVE


@pytest.mark.parametrize("failpoint", ["billing.after_asking", "billing.after_comparing"])
def test_an_event_that_was_being_applied_has_one_effect(stripe, on_trial, failpoint):
    stripe.give_card(on_trial.stripe_customer, "pm_card_chargeCustomerFail")
    stripe.advance(timedelta(days=15))
    event = stripe.events("invoice.payment_failed")[-1]
    with public_scope():
        inbox.keep(event)
        row = StripeEvent.objects.get(event_id=event["id"])
    kill(stripe, failpoint, APPLY, on_trial, str(row.pk))
    everything_found()
    with public_scope():
        row.refresh_from_db()
        notices = Notice.objects.filter(subscription=on_trial, kind="payment_failed").count()
    assert (row.state, row.attempts, notices) == (EventState.APPLIED, 2, 1)
    assert again(on_trial).tenant.status == "past_due"


def test_a_change_that_was_charged_is_found_and_not_charged_again(stripe, paying):
    before = len(stripe.client().v1.invoices.list({"customer": paying.stripe_customer}).data)
    kill(stripe, "billing.after_charging", CHANGE, paying)
    assert again(paying).interval == "month", "it died before it wrote"
    everything_found()
    assert again(paying).interval == "year"
    with no_scope():
        owner = Api(host_of(paying)).signed_in(paying.owner_email)
    changed = owner.post("/api/billing/change/", {"plan": "business", "interval": "year"})
    assert changed.status_code == 200
    invoices = stripe.client().v1.invoices.list({"customer": paying.stripe_customer}).data
    assert len(invoices) == before + 1
