"""The plans at Stripe: a product each, and a price by month and by year, found by lookup keys."""

from django.db import transaction

from shared_apps.plans.models import Plan

from . import stripe_gateway as stripe
from .models import Interval, PlanPrice


def sync_plans() -> list[PlanPrice]:
    """Push all plans with a price to Stripe; safe to repeat. Return the prices that are new.

    A price that changed is another price: whoever pays the old one goes on paying it.

    Raises:
        NotConfigured: there is no key.
        StripeUnavailable, StripeRefused: as their texts say; what was pushed is kept.

    """
    new = []
    for plan in Plan.objects.all():
        if plan.is_archived:
            stripe.close_product(plan.code)
            continue
        amounts = {Interval.MONTH: plan.price_month, Interval.YEAR: plan.price_year}
        product = stripe.make_product(plan.code, plan.name) if any(amounts.values()) else ""
        for interval, amount in amounts.items():
            if not amount:
                continue
            price = stripe.make_price(
                product,
                f"freehold_{plan.code}_{interval}",
                amount=amount,
                currency=plan.currency,
                interval=interval,
            )
            made = PlanPrice(
                plan=plan,
                interval=interval,
                currency=plan.currency,
                amount=amount,
                stripe_price=price,
            )
            if _write(made):
                new.append(made)
    return new


def _write(price: PlanPrice) -> bool:
    """Make a price the current one of its plan and interval; tell whether it was not."""
    with transaction.atomic():
        same = PlanPrice.objects.select_for_update().filter(
            plan=price.plan, interval=price.interval
        )
        if same.filter(stripe_price=price.stripe_price, is_current=True).exists():
            return False
        same.update(is_current=False)
        if not same.filter(stripe_price=price.stripe_price).update(is_current=True):
            price.save()
    return True
