from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing import stripe_gateway as stripe
from billing.syncing import sync_plans


class Command(BaseCommand):
    """Push the plans to Stripe."""

    help = "Push the plans to Stripe: products and prices. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        """Push them and name the prices that are new."""
        try:
            new = sync_plans()
        except stripe.NotConfigured as error:
            raise CommandError("STRIPE_SECRET_KEY is not set.") from error
        except (stripe.StripeUnavailable, stripe.StripeRefused) as error:
            raise CommandError(f"Stripe: {error}") from error
        for price in new:
            self.stdout.write(f"{price}: {price.stripe_price}")
        self.stdout.write(f"{len(new)} new prices.")
