"""Checkout and customer portal sessions."""

from typing import Any

from stripe.params import billing_portal, checkout

from ..clock import session_expires
from ..errors import Refused
from ..objects import automatic_tax, made
from ..routing import route
from ..state import Object, State, with_metadata
from ..subscribing import a_subscription, recurring_price, start
from .customers import attached, create_customer

DAY = 86400


@route("POST /v1/checkout/sessions", checkout.SessionCreateParams)
def create_session(
    state: State,
    *,
    mode: str,
    line_items: list[Object],
    success_url: str,
    cancel_url: str | None = None,
    customer: str | None = None,
    customer_email: str | None = None,
    client_reference_id: str | None = None,
    subscription_data: Object | None = None,
    payment_method_collection: str = "always",
    allow_promotion_codes: bool | None = None,
    billing_address_collection: str | None = None,
    customer_update: Object | None = None,
    expires_at: int | None = None,
    locale: str | None = None,
    metadata: Any = None,
) -> Object:
    if mode != "subscription":
        raise Refused(501, "This test server sells subscriptions alone.", type="api_error")
    if customer:
        state.live("customer", customer, "customer")
    prices = [
        recurring_price(state, one["price"], f"line_items[{at}][price]")
        for at, one in enumerate(line_items)
    ]
    total = sum(
        price["unit_amount"] * one.get("quantity", 1)
        for price, one in zip(prices, line_items, strict=True)
    )
    data = subscription_data or {}
    due = 0 if data.get("trial_period_days") or data.get("trial_end") else total
    id_ = state.new_id("cs_test_a1", 58)
    session = made(
        state,
        "checkout.session",
        id_,
        allow_promotion_codes=allow_promotion_codes,
        amount_subtotal=due,
        amount_total=due,
        automatic_tax=automatic_tax(status=None, provider=None),
        billing_address_collection=billing_address_collection,
        cancel_url=cancel_url,
        client_reference_id=client_reference_id,
        currency=prices[0]["currency"],
        custom_fields=[],
        custom_text={
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        customer=customer,
        customer_email=customer_email,
        expires_at=expires_at or state.now + DAY,
        locale=locale,
        mode=mode,
        payment_method_collection=payment_method_collection,
        payment_method_options={},
        payment_method_types=["card"],
        payment_status="unpaid",
        phone_number_collection={"enabled": False},
        shipping_options=[],
        status="open",
        success_url=success_url,
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        url=f"https://checkout.stripe.com/c/pay/{id_}",
    )
    with_metadata(session, metadata)
    state.bought[id_] = {"items": line_items, "data": data}
    state.add(session)
    state.at(session["expires_at"], "session_expires", id_)
    return session


def complete(state: State, id_: str, card: str | None = "pm_card_visa") -> Object:
    """Do what the customer does on the session's page: give a card, buy the subscription."""
    session = state.get("checkout.session", id_)
    if session["status"] != "open":
        raise Refused(400, f"The session is {session['status']}.")
    bought = state.bought[id_]
    data = bought["data"]
    trial_end = data.get("trial_end")
    if data.get("trial_period_days"):
        trial_end = state.now + data["trial_period_days"] * DAY
    customer = session["customer"]
    if customer is None:
        email = session["customer_email"] or "buyer@example.com"
        customer = create_customer(state, email=email)["id"]
    buyer = state.get("customer", customer)
    fields = {"trial_settings": data.get("trial_settings"), "description": data.get("description")}
    subscription = a_subscription(state, customer, bought["items"], **fields)
    if card:
        subscription["default_payment_method"] = attached(state, card, customer)
    with_metadata(subscription, data.get("metadata"))
    start(state, subscription, trial_end=trial_end, payment_behavior="error_if_incomplete")
    session.update(
        customer=customer,
        customer_details={
            "address": buyer["address"],
            "business_name": None,
            "email": buyer["email"],
            "individual_name": None,
            "name": buyer["name"],
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        invoice=subscription["latest_invoice"],
        payment_status="paid" if session["amount_total"] else "no_payment_required",
        status="complete",
        subscription=subscription["id"],
        url=None,
    )
    state.emit("checkout.session.completed", session)
    return session


@route("GET /v1/checkout/sessions/{session}", checkout.SessionRetrieveParams)
def retrieve_session(state: State, id_: str) -> Object:
    return state.get("checkout.session", id_)


@route("GET /v1/checkout/sessions", checkout.SessionListParams)
def list_sessions(
    state: State,
    *,
    customer: str | None = None,
    subscription: str | None = None,
    status: str | None = None,
    **page: Any,
) -> Object:
    def keep(session: Object) -> bool:
        return (
            customer in (None, session["customer"])
            and subscription in (None, session["subscription"])
            and status in (None, session["status"])
        )

    return state.listed("checkout.session", "/v1/checkout/sessions", keep, **page)


@route("POST /v1/checkout/sessions/{session}/expire", checkout.SessionExpireParams)
def expire_session(state: State, id_: str) -> Object:
    session = state.get("checkout.session", id_)
    if session["status"] != "open":
        raise Refused(400, 'Only Checkout Sessions with a status in ["open"] can be expired.')
    session_expires(state, session, state.now)
    return session


@route("POST /v1/billing_portal/sessions", billing_portal.SessionCreateParams)
def create_portal_session(
    state: State,
    *,
    customer: str,
    return_url: str | None = None,
    configuration: str | None = None,
    flow_data: Object | None = None,
    locale: str | None = None,
) -> Object:
    state.live("customer", customer, "customer")
    session = made(
        state,
        "billing_portal.session",
        state.new_id("bps_1"),
        configuration=configuration or state.portal_configuration,
        customer=customer,
        flow=flow_data and a_flow(state, flow_data),
        locale=locale,
        return_url=return_url,
        url=f"https://billing.stripe.com/p/session/test_{state.new_id('', 40)}",
    )
    del session["metadata"]
    return state.add(session)


def a_flow(state: State, given: Object) -> Object:
    """Return where in the portal the customer begins."""
    for name in FLOWS:
        if subscription := given.get(name, {}).get("subscription"):
            state.get("subscription", subscription, f"flow_data[{name}][subscription]")
    ending = given.get("after_completion", {})
    return {
        "after_completion": {
            "hosted_confirmation": ending.get("hosted_confirmation"),
            "redirect": ending.get("redirect"),
            "type": ending.get("type", "portal_homepage"),
        },
        **{name: given.get(name) for name in FLOWS},
        "type": given["type"],
    }


FLOWS = ("subscription_cancel", "subscription_update", "subscription_update_confirm")
