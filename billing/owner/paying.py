"""What an owner does about their portal's plan: each asks Stripe, then reads what became of it.

Call them in the tenant's scope and outside a transaction: none may be open while Stripe is asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from shared_apps.plans.catalogue import FREE
from shared_apps.plans.models import Plan
from shared_apps.tenants.failpoints import failpoint
from shared_apps.tenants.links import BILLING_PAGE, portal_url
from shared_apps.tenants.scope import public_scope

from .. import stripe_gateway as stripe
from ..applying import compare, counting
from ..beginning import begin, customer_of
from ..models import Dunning, Interval, PlanPrice, Subscription, SubscriptionStatus
from ..of_tenant import own_subscription
from ..remote import Cost, RemoteInvoice, RemoteSubscription


class CheckoutNeeded(Exception):
    """Nothing is paid yet: a plan that costs something begins with Checkout."""


class SubscribedAlready(Exception):
    """There is a subscription already: it is changed, and paid in the customer portal."""


class NotSubscribed(Exception):
    """Stripe charges nobody for this portal."""


class PaymentNeeded(Exception):
    """What is open is paid first."""


def overview() -> dict[str, Any]:
    """Return the portal's plan and how it is paid, as ``GET /api/billing/`` answers."""
    with own_subscription() as own:
        return _told(own)


def preview(plan: Plan, interval: str, at: datetime) -> dict[str, Any]:
    """Return what a change at that moment would cost, and when it takes effect; change nothing."""
    with own_subscription() as own:
        takes_effect, cost = None, Cost(Decimal(0), plan.currency, [])
        if plan.code == FREE:
            takes_effect = own.period_ends_at if own.is_charged() else None
        elif own.is_charged():
            cost = stripe.preview_price(_remote(own), _price(plan, interval).stripe_price, at)
        elif not _is_same(own, plan, interval):
            price = _price(plan, interval)
            due = Decimal(0) if _trial_days(own, plan) else price.amount
            cost = Cost(due, price.currency, [(plan.name, price.amount)])
        return {
            "plan": plan.code,
            "interval": interval,
            "due": cost.due,
            "credit": cost.credit,
            "currency": cost.currency,
            "lines": [{"text": text, "amount": amount} for text, amount in cost.lines],
            "takes_effect_at": takes_effect,
            "needs_checkout": _needs_checkout(own, plan, interval),
            "prorated_at": at,
        }


def change(plan: Plan, interval: str, at: datetime) -> dict[str, Any]:
    """Change the plan: at once and for the price at ``at``, or to the free one at the period's end.

    Raises:
        PaymentNeeded: an invoice is open.
        CheckoutNeeded: nobody is charged yet.
        NotConfigured, StripeUnavailable, StripeRefused: nothing was changed, as far as we know.

    """
    with own_subscription() as own:
        if own.dunning:
            raise PaymentNeeded(_("Please pay what is open first."))
        if _needs_checkout(own, plan, interval):
            _price(plan, interval)
            raise CheckoutNeeded(_("This plan begins with Checkout."))
        if own.is_charged() and plan.code == FREE:
            stripe.cancel_at_period_end(own.stripe_subscription, cancels=True)
        elif own.is_charged():
            _pay_for(_remote(own), _price(plan, interval), at)
            failpoint("billing.after_charging")
        elif plan.code == FREE:
            _end_unpaid(own, plan)
        return _told(_looked_again(own))


def checkout(plan: Plan, interval: str) -> str:
    """Return the address of Stripe's page on which a plan that costs something begins.

    Raises:
        SubscribedAlready: one has begun.

    """
    back = portal_url(BILLING_PAGE)
    with _customer() as own:
        price = _price(plan, interval)
        if own.is_charged():
            raise SubscribedAlready(_("There is a subscription already. Change its plan."))
        days = _trial_days(own, plan)
        return stripe.checkout(own.stripe_customer, price.stripe_price, back=back, trial_days=days)


def customer_portal() -> str:
    """Return the address of Stripe's pages for means of payment and invoices."""
    back = portal_url(BILLING_PAGE)
    with _customer() as own:
        return stripe.customer_portal(own.stripe_customer, back=back)


def set_cancelling(*, cancels: bool) -> dict[str, Any]:
    """Have the subscription end with its period, or go on after all.

    Raises:
        NotSubscribed: there is none.

    """
    with own_subscription() as own:
        if not own.is_charged():
            raise NotSubscribed(_("There is no subscription that could end."))
        stripe.cancel_at_period_end(own.stripe_subscription, cancels=cancels)
        return _told(_looked_again(own))


def invoices() -> list[RemoteInvoice]:
    """Return the portal's newest invoices, newest first; none where no payments are taken."""
    with own_subscription() as own:
        is_known = own.stripe_customer and stripe.is_configured()
        return stripe.invoices_of(own.stripe_customer) if is_known else []


def plan_on_offer(code: str) -> Plan | None:
    """Return a plan that anyone may have; None if there is none of that code."""
    with public_scope():
        return Plan.objects.on_offer().filter(code=code).first()


@contextmanager
def _customer() -> Iterator[Subscription]:
    """Enter the public scope with a subscription that has a customer, as Stripe has it now."""
    with own_subscription() as own:
        if own.status == SubscriptionStatus.TRIALING and not own.stripe_subscription:
            begin(own)  # or the trial would begin beside what is bought now
        customer_of(own)
        yield compare(own)


def _looked_again(own: Subscription) -> Subscription:
    return compare(own) if own.stripe_customer and stripe.is_configured() else own


def _remote(own: Subscription) -> RemoteSubscription:
    found = counting(stripe.subscriptions_of(own.stripe_customer), own.stripe_subscription)
    if found is None:
        raise NotSubscribed(_("There is no subscription at Stripe."))
    return found


def _pay_for(remote: RemoteSubscription, price: PlanPrice, at: datetime) -> None:
    """Have Stripe charge ``price`` from then on; if it does already, not end."""
    if remote.price != price.stripe_price:
        stripe.change_price(remote, price.stripe_price, at)
    elif remote.cancels_at_period_end:
        stripe.cancel_at_period_end(remote.id, cancels=False)


def _price(plan: Plan, interval: str) -> PlanPrice:
    price = PlanPrice.objects.filter(plan=plan.pk, interval=interval, is_current=True).first()
    if price is None or not stripe.is_configured():
        raise stripe.NotConfigured
    return price


def _trial_days(own: Subscription, plan: Plan) -> int:
    """Return how long nothing is charged: a portal is on trial once."""
    return 0 if own.trial_ends_at or own.stripe_subscription else plan.trial_days


def _is_same(own: Subscription, plan: Plan, interval: str) -> bool:
    return own.plan_id == plan.pk and own.interval == interval


def _needs_checkout(own: Subscription, plan: Plan, interval: str) -> bool:
    return plan.code != FREE and not own.is_charged() and not _is_same(own, plan, interval)


def _end_unpaid(own: Subscription, free: Plan) -> None:
    """Go on with the free plan at once: nobody pays for this one."""
    with transaction.atomic():
        mine = Subscription.objects.locked(own.pk).get()
        mine.change(plan=free, status=SubscriptionStatus.ACTIVE, trial_ends_at=None)
        mine.tenant.change(plan=free)
    own.refresh_from_db()


def _told(own: Subscription) -> dict[str, Any]:
    return {
        "plan": own.plan.code,
        "plan_name": own.plan.name,
        "interval": own.interval,
        "status": own.status,
        "is_charged": own.is_charged(),
        "trial_ends_at": own.trial_ends_at if own.status == SubscriptionStatus.TRIALING else None,
        "period_ends_at": own.period_ends_at if own.is_charged() else None,
        "cancels_at_period_end": own.cancels_at_period_end,
        "dunning": own.dunning or None,
        "read_only_from": own.tenant.grace_until if own.dunning == Dunning.PAST_DUE else None,
        "takes_payments": stripe.is_configured(),
        "offers": _offers(),
    }


def _offers() -> list[dict[str, Any]]:
    """Return the plans on offer and their prices, by interval, in the order of the page."""
    return [
        {
            "plan": plan.code,
            "name": plan.name,
            "interval": interval,
            "price": price,
            "currency": plan.currency,
        }
        for plan in Plan.objects.on_offer()
        for interval, price in (
            (Interval.MONTH, plan.price_month),
            (Interval.YEAR, plan.price_year),
        )
        if price or (plan.code == FREE and interval == Interval.MONTH)
    ]
