"""kill -9 between Stripe's answer and what we keep of it: nothing is lost, nobody pays twice."""

import os
import signal
import subprocess
import sys

import pytest

from billing import stripe_gateway as gateway
from billing.beginning import begin
from billing.models import Subscription, SubscriptionStatus
from shared_apps.tenants.scope import public_scope
from tests.stack.running import ROOT
from tests.stripe_server import API_KEY

BEGIN = """
import sys, django
django.setup()
from billing.beginning import begin
from billing.models import Subscription
from shared_apps.tenants.scope import public_scope
with public_scope():
    begin(Subscription.objects.select_related("tenant", "plan").get(pk=sys.argv[1]))
"""


@pytest.mark.parametrize(
    "failpoint", ["billing.after_making_the_customer", "billing.after_subscribing"]
)
def test_a_beginning_killed_anywhere_is_made_once(stripe, subscription, failpoint):
    environment = {
        **os.environ,
        "STRIPE_SECRET_KEY": API_KEY,
        "STRIPE_API_URL": stripe.url,
        "FREEHOLD_FAILPOINT": failpoint,
    }
    command = [sys.executable, "-c", BEGIN, str(subscription.pk)]
    died = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr[-500:]
    with public_scope():
        again = Subscription.objects.select_related("tenant", "plan").get(pk=subscription.pk)
        begin(again)
        again.refresh_from_db()
        assert again.status == SubscriptionStatus.TRIALING
        [theirs] = gateway.subscriptions_of(again.stripe_customer)
    assert theirs.id == again.stripe_subscription
    made = list(stripe.client().v1.customers.list({"limit": 100}).auto_paging_iter())
    assert [one.id for one in made if one.email == again.owner_email] == [again.stripe_customer]
