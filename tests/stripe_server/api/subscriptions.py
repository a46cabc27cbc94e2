from typing import Any

from stripe import params

from ..collecting import ENDED, can_pay, collect, end
from ..errors import Refused, declined, no_such
from ..invoicing import draft
from ..routing import route
from ..state import Object, State, changes, copied, with_metadata
from ..subscribing import (
    a_subscription,
    change,
    change_items,
    end_trial_now,
    end_with_period,
    items_of,
    lines_of_change,
    remind_of_trial,
    renew,
    start,
)
from .catalogue import given
from .customers import attached


@route("POST /v1/subscriptions", params.SubscriptionCreateParams)
def create_subscription(
    state: State,
    *,
    customer: str,
    items: list[Object],
    trial_period_days: int | None = None,
    trial_end: Any = None,
    trial_settings: Object | None = None,
    metadata: Any = None,
    payment_behavior: str = "allow_incomplete",
    payment_settings: Object | None = None,
    default_payment_method: str | None = None,
    cancel_at_period_end: bool = False,
    cancel_at: Any = None,
    description: str | None = None,
    off_session: bool = False,
    proration_behavior: str = "create_prorations",
) -> Object:
    state.live("customer", customer, "customer")
    subscription = a_subscription(
        state,
        customer,
        items,
        trial_settings=trial_settings,
        cancel_at_period_end=cancel_at_period_end,
        cancel_at=cancel_at,
        description=description,
    )
    subscription["payment_settings"].update(payment_settings or {})
    if default_payment_method:
        subscription["default_payment_method"] = attached(state, default_payment_method, customer)
    with_metadata(subscription, metadata)
    if trial_period_days:
        trial_end = state.now + trial_period_days * 86400
    trial_end = None if trial_end == "now" else trial_end
    if trial_end is not None and trial_end <= state.now:
        raise Refused(
            400,
            "Invalid timestamp: must be an integer Unix timestamp in the future.",
            param="trial_end",
        )
    start(state, subscription, trial_end=trial_end, payment_behavior=payment_behavior)
    if cancel_at:
        state.at(cancel_at, "cancel_is_due", subscription["id"])
    return subscription


@route("GET /v1/subscriptions/{subscription}", params.SubscriptionRetrieveParams)
def retrieve_subscription(state: State, id_: str) -> Object:
    return state.get("subscription", id_)


@route("GET /v1/subscriptions", params.SubscriptionListParams)
def list_subscriptions(
    state: State,
    *,
    customer: str | None = None,
    status: str | None = None,
    price: str | None = None,
    **page: Any,
) -> Object:
    if customer and customer not in state.objects["customer"]:
        raise no_such("customer", customer, "customer", 400)

    def keep(subscription: Object) -> bool:
        is_ended = subscription["status"] in ENDED
        wanted = {None: subscription["status"] != "canceled", "all": True, "ended": is_ended}
        return (
            customer in (None, subscription["customer"])
            and wanted.get(status, status == subscription["status"])
            and (price is None or price in {one["price"]["id"] for one in items_of(subscription)})
        )

    return state.listed("subscription", "/v1/subscriptions", keep, **page)


@route("POST /v1/subscriptions/{subscription}", params.SubscriptionUpdateParams)
def update_subscription(
    state: State,
    id_: str,
    *,
    items: list[Object] | None = None,
    proration_behavior: str = "create_prorations",
    proration_date: int | None = None,
    payment_behavior: str = "allow_incomplete",
    payment_settings: Object | None = None,
    off_session: bool = False,
    cancel_at_period_end: bool | None = None,
    cancel_at: Any = None,
    cancellation_details: Object | None = None,
    trial_end: Any = None,
    trial_settings: Object | None = None,
    default_payment_method: str | None = None,
    description: str | None = None,
    metadata: Any = None,
) -> Object:
    subscription = state.get("subscription", id_)
    if subscription["status"] in ENDED and (items or trial_end or cancel_at_period_end is not None):
        text = "A canceled subscription can only update its cancellation_details and metadata."
        raise Refused(400, text)
    if payment_behavior == "pending_if_incomplete":
        raise Refused(501, "This test server keeps no pending updates.", type="api_error")
    before, changed = copied(subscription), copied(subscription)
    with_metadata(changed, metadata)
    changed["payment_settings"].update(payment_settings or {})
    changed["cancellation_details"].update(cancellation_details or {})
    given(changed, {"trial_settings": trial_settings, "description": description})
    set_card(state, changed, default_payment_method)
    if items:
        change_items(state, changed, items)
    set_trial_end(state, changed, trial_end)
    set_cancellation(state, changed, cancel_at_period_end, cancel_at)
    since = proration_date or state.now
    if payment_behavior == "error_if_incomplete":
        refuse_unpaid(state, changed, before, proration_behavior, since)
    subscription.update(changed)
    if items or trial_end is not None:
        change(state, subscription, before, behaviour=proration_behavior, since=since)
    if previous := changes(before, subscription):
        state.emit("customer.subscription.updated", subscription, previous)
    return subscription


def set_card(state: State, subscription: Object, card: str | None) -> None:
    if card:
        card = attached(state, card, subscription["customer"])
    given(subscription, {"default_payment_method": card})


def refuse_unpaid(
    state: State, changed: Object, before: Object, behaviour: str, since: int
) -> None:
    """Refuse a change whose invoice would not be paid."""
    lines, at_once = lines_of_change(state, changed, before, behaviour, since)
    if at_once and sum(line["amount"] for line in lines) > 0 and not can_pay(state, changed):
        raise declined()


def set_trial_end(state: State, subscription: Object, trial_end: Any) -> None:
    if trial_end is None:
        return
    if trial_end == "now":
        end_trial_now(state, subscription)
        return
    if trial_end <= state.now:
        raise Refused(
            400,
            "Invalid timestamp: must be an integer Unix timestamp in the future.",
            param="trial_end",
        )
    subscription.update(
        status="trialing",
        trial_start=subscription["trial_start"] or state.now,
        trial_end=trial_end,
        billing_cycle_anchor=trial_end,
    )
    for item in items_of(subscription):
        item["current_period_end"] = trial_end
    remind_of_trial(state, subscription)


def set_cancellation(
    state: State, subscription: Object, at_period_end: bool | None, cancel_at: Any
) -> None:
    if at_period_end:
        subscription["cancel_at_period_end"] = True
        end_with_period(state, subscription)
    elif at_period_end is False or cancel_at == "":
        subscription.update(cancel_at_period_end=False, cancel_at=None, canceled_at=None)
        subscription["cancellation_details"]["reason"] = None
    elif isinstance(cancel_at, int):
        subscription.update(cancel_at=cancel_at, canceled_at=state.now)
        state.at(cancel_at, "cancel_is_due", subscription["id"])


@route("DELETE /v1/subscriptions/{subscription}", params.SubscriptionCancelParams)
def cancel_subscription(
    state: State,
    id_: str,
    *,
    cancellation_details: Any = None,
    invoice_now: bool = False,
    prorate: bool = False,
) -> Object:
    subscription = state.get("subscription", id_)
    if subscription["status"] in ENDED:
        raise no_such("subscription", id_)
    if invoice_now or prorate:
        raise Refused(501, "This test server cancels without an invoice.", type="api_error")
    subscription["cancellation_details"].update(cancellation_details or {})
    end(state, subscription, "cancellation_requested")
    return subscription


@route("POST /v1/subscriptions/{subscription}/resume", params.SubscriptionResumeParams)
def resume_subscription(
    state: State,
    id_: str,
    *,
    billing_cycle_anchor: Object | None = None,
    proration_behavior: str = "create_prorations",
) -> Object:
    """Resume a paused subscription: a period from now, once its invoice is paid."""
    subscription = state.get("subscription", id_)
    if subscription["status"] != "paused":
        raise Refused(400, "This subscription is not paused, so it cannot be resumed.")
    if billing_cycle_anchor not in (None, {"type": "now"}):
        raise Refused(501, "This test server resumes with a new period.", type="api_error")
    if not can_pay(state, subscription):
        raise declined()
    with state.changing(subscription, "customer.subscription.updated"):
        subscription.update(status="active", billing_cycle_anchor=state.now)
        now = (state.now, state.now)
        lines = renew(state, subscription, state.now)
        collect(state, draft(state, subscription, lines, "subscription_cycle", now))
    state.emit("customer.subscription.resumed", subscription)
    return subscription


@route("GET /v1/subscription_items", params.SubscriptionItemListParams)
def list_items(state: State, *, subscription: str, **page: Any) -> Object:
    state.get("subscription", subscription, "subscription")

    def keep(item: Object) -> bool:
        return item["subscription"] == subscription

    return state.listed("subscription_item", "/v1/subscription_items", keep, **page)


@route("GET /v1/subscription_items/{item}", params.SubscriptionItemRetrieveParams)
def retrieve_item(state: State, id_: str) -> Object:
    return state.get("subscription_item", id_)


@route("POST /v1/subscription_items", params.SubscriptionItemCreateParams)
def create_item(
    state: State,
    *,
    subscription: str,
    price: str,
    quantity: int = 1,
    metadata: Any = None,
    proration_behavior: str = "create_prorations",
    proration_date: int | None = None,
) -> Object:
    item = {"price": price, "quantity": quantity, "metadata": metadata or {}}
    state.get("subscription", subscription, "subscription")
    changed = update_subscription(
        state,
        subscription,
        items=[item],
        proration_behavior=proration_behavior,
        proration_date=proration_date,
    )
    return items_of(changed)[-1]


@route("POST /v1/subscription_items/{item}", params.SubscriptionItemUpdateParams)
def update_item(
    state: State,
    id_: str,
    *,
    price: str | None = None,
    quantity: int | None = None,
    proration_behavior: str = "create_prorations",
    proration_date: int | None = None,
    payment_behavior: str = "allow_incomplete",
) -> Object:
    item = {"id": id_}
    given(item, {"price": price, "quantity": quantity})
    update_subscription(
        state,
        state.get("subscription_item", id_)["subscription"],
        items=[item],
        proration_behavior=proration_behavior,
        proration_date=proration_date,
        payment_behavior=payment_behavior,
    )
    return state.get("subscription_item", id_)


@route("DELETE /v1/subscription_items/{item}", params.SubscriptionItemDeleteParams)
def delete_item(
    state: State,
    id_: str,
    *,
    proration_behavior: str = "create_prorations",
    proration_date: int | None = None,
) -> Object:
    update_subscription(
        state,
        state.get("subscription_item", id_)["subscription"],
        items=[{"id": id_, "deleted": True}],
        proration_behavior=proration_behavior,
        proration_date=proration_date,
    )
    return {"id": id_, "object": "subscription_item", "deleted": True}
