"""Payment of invoices: tries and retries, and the subscription's status that follows."""

from datetime import timedelta

from .errors import Refused, declined
from .invoicing import finalise, mark_paid, subscription_of
from .state import Object, State, whole

RETRIES = [timedelta(days=3), timedelta(days=5), timedelta(days=7)]
ENDED = {"canceled", "incomplete_expired"}


def payment_method(state: State, subscription: Object) -> str | None:
    customer = state.get("customer", subscription["customer"])
    settings = customer["invoice_settings"]
    return subscription["default_payment_method"] or settings["default_payment_method"]


def can_pay(state: State, subscription: Object) -> bool:
    card = payment_method(state, subscription)
    return card is not None and not {card, subscription["customer"]} & state.failing


def attempt(state: State, invoice: Object) -> bool:
    """Try the payment method; on failure, set when to retry."""
    subscription = subscription_of(state, invoice)
    if can_pay(state, subscription):
        mark_paid(state, invoice)
        return True
    with state.changing(invoice, "invoice.updated"):
        tries = invoice["attempt_count"]
        again = tries < len(RETRIES) and invoice["billing_reason"] != "subscription_create"
        invoice.update(
            attempted=True,
            attempt_count=tries + 1,
            next_payment_attempt=state.now + whole(RETRIES[tries]) if again else None,
        )
    if again:
        state.at(invoice["next_payment_attempt"], "payment_is_due", invoice["id"])
    state.emit("invoice.payment_failed", invoice)
    return False


def collect(state: State, invoice: Object) -> None:
    """Finalise the draft, take the payment, and let the subscription follow."""
    if invoice["status"] == "draft":
        finalise(state, invoice)
    if invoice["status"] == "open":
        attempt(state, invoice)
    follow(state, invoice)


def follow(state: State, invoice: Object) -> None:
    """Give the subscription and its customer the status that the invoice's payment means."""
    subscription = subscription_of(state, invoice)
    if subscription["status"] in ENDED:
        return
    paid = invoice["status"] == "paid"
    customer = state.get("customer", invoice["customer"])
    with state.changing(customer, "customer.updated"):
        customer["delinquent"] = not paid
    if paid:
        if subscription["status"] in {"incomplete", "past_due", "unpaid"}:
            with state.changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "active"
        return
    final = invoice["next_payment_attempt"] is None and invoice["attempt_count"] > len(RETRIES)
    if final and state.after_retries == "canceled":
        end(state, subscription, "payment_failed")
    elif subscription["status"] in {"active", "past_due"}:
        with state.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = state.after_retries if final else "past_due"


def pay(state: State, invoice: Object, *, by_customer: bool = False) -> None:
    """Pay an invoice: by the payment method on file, or by the customer on the hosted page."""
    if invoice["status"] == "draft":
        finalise(state, invoice)
    elif invoice["status"] != "open":
        raise Refused(400, f"Invoice is already {invoice['status']}")
    if invoice["status"] == "open":
        subscription = subscription_of(state, invoice)
        if by_customer:
            mark_paid(state, invoice)
        elif payment_method(state, subscription) is None:
            raise no_payment_method()
        else:
            attempt(state, invoice)
    follow(state, invoice)
    if invoice["status"] != "paid":
        raise declined()


def no_payment_method() -> Refused:
    text = "This customer has no attached payment source or default payment method."
    return Refused(400, text, code="resource_missing")


def end(
    state: State, subscription: Object, reason: str | None, *, status: str = "canceled"
) -> None:
    """End the subscription now; its open invoice is not tried any more."""
    subscription.update(status=status, ended_at=state.now)
    subscription["canceled_at"] = subscription["canceled_at"] or state.now
    if reason:
        subscription["cancellation_details"]["reason"] = reason
    state.pending.pop(subscription["id"], None)
    latest = state.find(subscription["latest_invoice"] or "")
    if latest and latest["status"] in {"draft", "open"}:
        with state.changing(latest, "invoice.updated"):
            latest.update(auto_advance=False, next_payment_attempt=None)
    state.emit("customer.subscription.deleted", subscription)
