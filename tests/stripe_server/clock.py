"""What time does to subscriptions and invoices; ``State.at`` names these functions."""

from heapq import heappop

from .collecting import ENDED, collect, end, payment_method, subscription_of
from .invoicing import DRAFT_SECONDS, draft
from .state import Object, State
from .subscribing import period_of, renew


def advance(state: State, until: int) -> None:
    """Let everything that falls due happen at its time."""
    while state.due and state.due[0][0] <= until:
        when, _, what, id_ = heappop(state.due)
        state.move_to(when)
        obj = state.find(id_)
        if obj is not None and not obj.get("deleted"):
            DUE[what](state, obj, when)
    state.move_to(until)


def trial_will_end(state: State, subscription: Object, when: int) -> None:
    ends = subscription["trial_end"]
    if subscription["status"] == "trialing" and ends - when <= 3 * 86400:
        state.emit("customer.subscription.trial_will_end", subscription)


def period_ends(state: State, subscription: Object, when: int) -> None:
    """End the trial or the subscription, or begin the next period with an invoice for it."""
    if subscription["status"] in ENDED | {"paused"} or period_of(subscription)[1] != when:
        return
    if subscription["cancel_at_period_end"]:
        end(state, subscription, None)
        return
    if subscription["status"] == "trialing" and payment_method(state, subscription) is None:
        behaviour = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
        if behaviour == "cancel":
            end(state, subscription, None)
            return
        if behaviour == "pause":
            with state.changing(subscription, "customer.subscription.updated"):
                subscription["status"] = "paused"
            state.emit("customer.subscription.paused", subscription)
            return
    before = period_of(subscription)
    with state.changing(subscription, "customer.subscription.updated"):
        if subscription["status"] == "trialing":
            subscription["status"] = "active"
        lines = renew(state, subscription, when)
        invoice = draft(state, subscription, lines, "subscription_cycle", before)
    if subscription["status"] == "unpaid":
        invoice["auto_advance"] = False
        return
    invoice["automatically_finalizes_at"] = when + DRAFT_SECONDS
    state.at(when + DRAFT_SECONDS, "draft_is_due", invoice["id"])


def cancel_is_due(state: State, subscription: Object, when: int) -> None:
    if subscription["status"] not in ENDED and subscription["cancel_at"] == when:
        end(state, subscription, None)


def first_payment_is_late(state: State, subscription: Object, when: int) -> None:
    if subscription["status"] == "incomplete":
        with state.changing(subscription, "customer.subscription.updated"):
            subscription.update(status="incomplete_expired", ended_at=when)


def draft_is_due(state: State, invoice: Object, when: int) -> None:
    if invoice["status"] == "draft" and invoice["auto_advance"]:
        collect(state, invoice)


def payment_is_due(state: State, invoice: Object, when: int) -> None:
    if (
        invoice["status"] == "open"
        and invoice["next_payment_attempt"] == when
        and subscription_of(state, invoice)["status"] not in ENDED
    ):
        collect(state, invoice)


def session_expires(state: State, session: Object, when: int) -> None:
    if session["status"] == "open":
        session.update(status="expired", url=None)
        state.emit("checkout.session.expired", session)


DUE = {
    one.__name__: one
    for one in (
        trial_will_end,
        period_ends,
        cancel_is_due,
        first_payment_is_late,
        draft_is_due,
        payment_is_due,
        session_expires,
    )
}
