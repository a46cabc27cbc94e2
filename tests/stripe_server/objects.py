"""Objects as Stripe serves them: the given fields, and null where the SDK knows a field as such."""

from functools import cache
from typing import Any

import stripe

from .state import Object, State

# Fields that Stripe sends only when asked for, or not at all for what this server makes.
LEFT_OUT = {
    "product": {"deleted", "tax_details"},
    "price": {"deleted", "currency_options", "tiers"},
    "customer": {
        *("business_name", "cash_balance", "customer_account", "deleted", "individual_name"),
        *("invoice_credit_balance", "sources", "subscriptions", "tax", "tax_ids"),
    },
    "subscription": {"presentment_details", "status_details"},
    "subscription_item": {"billed_until", "current_trial", "deleted"},
    "invoice": {
        *("amount_paid_off_stripe", "confirmation_secret", "deleted", "payments"),
        *("status_details", "threshold_reason"),
    },
    "line_item": set(),
    "invoiceitem": {"deleted", "frozen_fields", "invoicing_rules", "proration_details"},
    "checkout.session": {
        *("allowed_payment_method_types", "branding_settings", "excluded_payment_method_types"),
        *("line_items", "name_collection", "optional_items", "presentment_details"),
        *("redirect_on_completion", "return_url", "tax_id_collection"),
    },
    "billing_portal.session": {"after_expiration"},
    "plan": {"deleted", "tiers"},
}
CLASSES: dict[str, Any] = {
    "product": stripe.Product,
    "price": stripe.Price,
    "plan": stripe.Plan,
    "customer": stripe.Customer,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
    "invoice": stripe.Invoice,
    "line_item": stripe.InvoiceLineItem,
    "invoiceitem": stripe.InvoiceItem,
    "checkout.session": stripe.checkout.Session,
    "billing_portal.session": stripe.billing_portal.Session,
}


@cache
def nullable(kind: str) -> tuple[str, ...]:
    """Return the fields that the SDK declares as possibly null."""
    hints = CLASSES[kind].__annotations__
    return tuple(
        name
        for name, hint in hints.items()
        if ("Optional" in str(hint) or "NoneType" in str(hint)) and name not in LEFT_OUT[kind]
    )


def made(state: State, kind: str, id_: str, **fields: Any) -> Object:
    """Return an object of the kind, made now."""
    obj: Object = dict.fromkeys(nullable(kind))
    obj.update(id=id_, object=kind, created=state.now, livemode=False, metadata={})
    obj.update(fields)
    return obj


def a_list(data: list[Object], url: str) -> Object:
    return {"object": "list", "data": data, "has_more": False, "url": url}


def a_plan(price: Object) -> Object:
    """Return the older form of a price, which items still carry."""
    recurring = price["recurring"]
    return {
        **dict.fromkeys(nullable("plan")),
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": dict(price["metadata"]),
        "product": price["product"],
        "usage_type": recurring["usage_type"],
    }


def an_address(given: Any) -> Object | None:
    if not given:
        return None
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    return {name: given.get(name) or None for name in names}


def automatic_tax(**fields: Any) -> Object:
    return {"enabled": False, "liability": None, **fields}


def a_payment_method(state: State, customer: str | None, *, fails: bool, last4: str) -> Object:
    return {
        "id": state.new_id("pm_1"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": an_address({"country": "US"}),
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        "card": {
            "brand": "visa",
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "fail" if fails else "pass",
            },
            "country": "US",
            "display_brand": "visa",
            "exp_month": 12,
            "exp_year": 2040,
            "fingerprint": state.new_id("", 16),
            "funding": "credit",
            "generated_from": None,
            "last4": last4,
            "networks": {"available": ["visa"], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": state.now,
        "customer": customer,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
