"""Customers and their cards; a card is attached by the name of one of Stripe's test cards."""

from typing import Any

from stripe import params

from ..collecting import ENDED, end
from ..errors import Refused, declined
from ..objects import a_payment_method, an_address, made
from ..routing import route
from ..state import Object, State, with_metadata
from .catalogue import given

# Stripe's test cards: last four digits, and whether payments by it fail.
CARDS = {
    "pm_card_visa": ("4242", False),
    "pm_card_mastercard": ("4444", False),
    "pm_card_chargeCustomerFail": ("0341", True),
}


def attached(state: State, card: str, customer: str) -> str:
    """Attach a test card, or a card there is, and return its id."""
    if card.startswith("pm_card_chargeDeclined"):
        raise declined()
    if card in CARDS:
        last4, fails = CARDS[card]
        method = state.add(a_payment_method(state, None, fails=fails, last4=last4))
        if fails:
            state.failing.add(method["id"])
    else:
        method = state.get("payment_method", card, "payment_method")
    if method["customer"] not in (None, customer):
        raise Refused(400, "The payment method is attached to another customer.")
    if method["customer"] is None:
        method["customer"] = customer
        state.emit("payment_method.attached", method)
    return method["id"]


def card_settings(state: State, customer: Object, settings: Object) -> None:
    card = settings.get("default_payment_method")
    if card:
        customer["invoice_settings"]["default_payment_method"] = attached(
            state, card, customer["id"]
        )
    elif card == "":
        customer["invoice_settings"]["default_payment_method"] = None


@route("POST /v1/customers", params.CustomerCreateParams)
def create_customer(
    state: State,
    *,
    email: str | None = None,
    name: str | None = None,
    description: str | None = None,
    phone: str | None = None,
    address: Any = None,
    metadata: Any = None,
    payment_method: str | None = None,
    invoice_settings: Object | None = None,
    preferred_locales: list[str] | None = None,
    tax_exempt: str = "none",
    balance: int = 0,
) -> Object:
    customer = made(
        state,
        "customer",
        state.new_id("cus_", 14),
        address=an_address(address),
        balance=balance,
        delinquent=False,
        description=description,
        email=email,
        invoice_prefix=state.new_id("", 8).upper(),
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        name=name,
        next_invoice_sequence=1,
        phone=phone,
        preferred_locales=preferred_locales or [],
        tax_exempt=tax_exempt or "none",
    )
    with_metadata(customer, metadata)
    settings = dict(invoice_settings or {})
    if payment_method:
        card = attached(state, payment_method, customer["id"])
        if settings.get("default_payment_method") == payment_method:
            settings["default_payment_method"] = card
    card_settings(state, customer, settings)
    state.add(customer)
    state.emit("customer.created", customer)
    return customer


@route("POST /v1/customers/{customer}", params.CustomerUpdateParams)
def update_customer(
    state: State,
    id_: str,
    *,
    email: str | None = None,
    name: str | None = None,
    description: str | None = None,
    phone: str | None = None,
    address: Any = None,
    metadata: Any = None,
    invoice_settings: Object | None = None,
    preferred_locales: list[str] | None = None,
    tax_exempt: str | None = None,
    balance: int | None = None,
) -> Object:
    customer = state.live("customer", id_)
    fields = {
        "email": email,
        "name": name,
        "description": description,
        "phone": phone,
        "address": "" if address == "" else an_address(address),
        "preferred_locales": preferred_locales,
        "tax_exempt": tax_exempt,
        "balance": balance,
    }
    with state.changing(customer, "customer.updated"):
        given(customer, fields)
        card_settings(state, customer, invoice_settings or {})
        with_metadata(customer, metadata)
    return customer


@route("GET /v1/customers/{customer}", params.CustomerRetrieveParams)
def retrieve_customer(state: State, id_: str) -> Object:
    return state.get("customer", id_)


@route("GET /v1/customers", params.CustomerListParams)
def list_customers(state: State, *, email: str | None = None, **page: Any) -> Object:
    def keep(customer: Object) -> bool:
        return email in (None, customer["email"])

    return state.listed("customer", "/v1/customers", keep, **page)


@route("DELETE /v1/customers/{customer}")
def delete_customer(state: State, id_: str) -> Object:
    """Delete the customer, whose subscriptions end at once."""
    customer = state.live("customer", id_)
    for subscription in list(state.objects["subscription"].values()):
        if subscription["customer"] == id_ and subscription["status"] not in ENDED:
            end(state, subscription, "cancellation_requested")
    state.emit("customer.deleted", customer)
    customer.clear()
    customer.update(id=id_, object="customer", deleted=True)
    return customer


@route("POST /v1/payment_methods/{payment_method}/attach", params.PaymentMethodAttachParams)
def attach_payment_method(state: State, id_: str, *, customer: str) -> Object:
    state.live("customer", customer, "customer")
    return state.get("payment_method", attached(state, id_, customer))


@route("POST /v1/payment_methods/{payment_method}/detach", params.PaymentMethodDetachParams)
def detach_payment_method(state: State, id_: str) -> Object:
    method = state.get("payment_method", id_)
    customer = state.find(method["customer"] or "")
    if customer is None:
        raise Refused(400, "The payment method is not attached to a customer.")
    with state.changing(customer, "customer.updated"):
        if customer["invoice_settings"]["default_payment_method"] == id_:
            customer["invoice_settings"]["default_payment_method"] = None
    method["customer"] = None
    state.emit("payment_method.detached", method, {"customer": customer["id"]})
    return method


@route("GET /v1/payment_methods/{payment_method}", params.PaymentMethodRetrieveParams)
def retrieve_payment_method(state: State, id_: str) -> Object:
    return state.get("payment_method", id_)


@route("GET /v1/payment_methods", params.PaymentMethodListParams)
def list_payment_methods(
    state: State, *, customer: str, type_: str = "card", **page: Any
) -> Object:
    state.live("customer", customer, "customer")

    def keep(method: Object) -> bool:
        return method["customer"] == customer and method["type"] == type_

    return state.listed("payment_method", "/v1/payment_methods", keep, **page)
