"""How long Stripe waits for its 200 while no worker runs, with a broker and without one."""

import os
import statistics
from collections import Counter
from pathlib import Path

from django.conf import settings

from billing.models import PlanPrice
from config.embedded import free_port
from shared_apps.tenants.scope import public_scope
from tests.benchmarks.figures import Figure
from tests.benchmarks.requests import ours
from tests.conftest import at_stripe

EVENTS, AT_ONCE = 1000, 8


def measure(folder: Path) -> list[Figure]:
    """Send events that are new, from several connections at once."""
    figures = []
    with at_stripe() as stripe:
        with public_scope():
            current = PlanPrice.objects.filter(is_current=True)
            prices = list(current.values_list("stripe_price", flat=True))
        stripe.populate(prices, 100, rounds=20, days=60)
        events = stripe.events()
        assert len(events) >= 2 * EVENTS
        paid = {
            "STRIPE_API_URL": stripe.url,
            "STRIPE_SECRET_KEY": stripe.api_key,
            "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        }
        nowhere = f"redis://127.0.0.1:{free_port()}/0"
        for number, broker in enumerate((os.environ.get("BROKER_URL", ""), nowhere)):
            environment = paid | ({"BROKER_URL": broker} if broker else {})
            with ours(folder / f"webhooks{number}", **environment) as server:
                run = stripe.deliver_all(
                    f"http://127.0.0.1:{server.port}/api/stripe/webhook/",
                    events[number * EVENTS :][:EVENTS],
                    host=settings.FREEHOLD_DOMAIN,
                    proxied=True,
                    at_once=AT_ONCE,
                )
            assert Counter(one.status for one in run.deliveries) == {200: EVENTS}
            p99 = statistics.quantiles((one.seconds for one in run.deliveries), n=100)[-1]
            name = "p99 of Stripe's events acknowledged, no worker"
            if broker == nowhere:
                figures.append(Figure(f"{name}, no broker", p99 * 1000, "ms"))
            else:
                figures.append(Figure(name, p99 * 1000, "ms", at_most=500))
    return figures
