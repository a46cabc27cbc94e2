"""Stripe, as we ask it; the only module that knows its SDK.

Objects come back as what we read of them. Every call that makes or charges something carries an
idempotency key made of our own ids, so that asking again after a crash changes nothing more.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache, wraps
from typing import Any

import stripe
import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from .remote import Cost, RemoteInvoice, RemoteSubscription, amount, units

log = structlog.get_logger(__name__)

# Seconds to connect and to be answered; once more if that fails. No transaction may be open: the
# database ends one that idles longer than ten seconds.
TIMEOUT = (2, 4)
RETRIES = 1
# How old a webhook's signature may be, and how far ahead.
TOLERANCE = timedelta(minutes=5)
_NEWEST_INVOICES = 24


class StripeUnavailable(Exception):
    """Stripe cannot be asked now, or says to come back later; the call may be repeated.

    Its text is for people: what Stripe said is its cause.
    """

    def __str__(self) -> str:
        return _("Stripe cannot be reached right now. Please try again in a moment.")


class StripeRefused(Exception):
    """Stripe refuses: a card that is declined, a thing that is not there. ``code`` says what."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class StripeOdd(StripeRefused):
    """Stripe answers what we cannot read: to ask again is of no use, somebody must look."""

    def __init__(self, call: str) -> None:
        super().__init__("odd_answer", call)

    def __str__(self) -> str:
        return _("Stripe's answer cannot be read. The operators of the platform can see why.")


class NotConfigured(Exception):
    """No payments are taken here, or not for this plan."""

    def __str__(self) -> str:
        return _("No payments are taken here for this. Please ask the operator of the platform.")


class BadSignature(ValueError):
    """A webhook is not signed as Stripe signs, or not at this time."""


def is_configured() -> bool:
    """Tell whether this installation takes payments."""
    return bool(settings.STRIPE_SECRET_KEY)


def is_live() -> bool:
    """Tell whether its key is one for real money."""
    return settings.STRIPE_SECRET_KEY.split("_")[1:2] != ["test"]


@lru_cache(maxsize=4)
def _client_of(key: str, url: str) -> stripe.StripeClient:
    http = stripe.RequestsClient(timeout=TIMEOUT)
    addresses: Any = {"api": url} if url else {}
    return stripe.StripeClient(
        key, http_client=http, base_addresses=addresses, max_network_retries=RETRIES
    )


def _client() -> stripe.StripeClient:
    if not is_configured():
        raise NotConfigured
    return _client_of(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_URL)


def _asks[**P, R](call: Callable[P, R]) -> Callable[P, R]:
    """Have a call raise :class:`StripeUnavailable` or :class:`StripeRefused`, and nothing else."""

    @wraps(call)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            raise StripeRefused(error.code or "", error.user_message or str(error)) from error
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            log.error("stripe_refuses_our_key", call=call.__name__)
            raise StripeUnavailable(str(error)) from error
        except stripe.StripeError as error:
            log.warning("stripe_unavailable", call=call.__name__, why=type(error).__name__)
            raise StripeUnavailable(str(error)) from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            log.exception("stripe_answers_oddly", call=call.__name__)
            raise StripeOdd(call.__name__) from error

    return asked


def _once(key: str) -> Any:
    return {"idempotency_key": f"freehold-{key}"}


@_asks
def account() -> str:
    """Return the id of our own account."""
    return _client().v1.accounts.retrieve_current().id


@_asks
def make_product(code: str, name: str) -> str:
    """Make the product of a plan, or give it its name; return its id, which is the plan's own."""
    product = f"freehold_{code}"
    try:
        _client().v1.products.update(product, {"name": name, "active": True})
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        _client().v1.products.create({"id": product, "name": name}, _once(f"product-{code}-{name}"))
    return product


@_asks
def close_product(code: str) -> None:
    """Offer the product of an archived plan no more; whoever has it keeps it."""
    try:
        _client().v1.products.update(f"freehold_{code}", {"active": False})
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise


@_asks
def make_price(
    product: str, lookup_key: str, *, amount: Decimal, currency: str, interval: str
) -> str:
    """Return the price that ``lookup_key`` leads to, made anew if it asks for another amount."""
    cents, wanted = units(amount, currency), currency.lower()
    listed = _client().v1.prices.list({"lookup_keys": [lookup_key], "active": True})
    for price in listed.data:
        if price.unit_amount == cents and price.currency == wanted:
            return price.id
    made = _client().v1.prices.create(
        {
            "product": product,
            "lookup_key": lookup_key,
            "transfer_lookup_key": True,
            "unit_amount": cents,
            "currency": wanted,
            "recurring": {"interval": interval},  # month, year
        },
        _once(f"price-{lookup_key}-{cents}-{wanted}-{len(listed.data)}"),
    )
    return made.id


@_asks
def make_customer(tenant: str, *, name: str, email: str) -> str:
    """Return the customer of a tenant, made by the first of such calls.

    One whose answer was lost is looked for: Stripe repeats a fault to the same key for a day.
    """
    for one in _client().v1.customers.list({"email": email, "limit": 100}).data:
        if one.to_dict()["metadata"].get("tenant") == tenant:
            return one.id
    made = _client().v1.customers.create(
        {"name": name, "email": email, "metadata": {"tenant": tenant}},
        _once(f"customer-{tenant}"),
    )
    return made.id


@_asks
def subscriptions_of(customer: str) -> list[RemoteSubscription]:
    """Return all subscriptions of a customer, ended ones too."""
    pages = _pages("/v1/subscriptions", customer=customer, status="all")
    return [RemoteSubscription.of(found) for page in pages for found in page]


@_asks
def subscribe(
    tenant: str, customer: str, price: str, *, trial_ends_at: datetime
) -> RemoteSubscription:
    """Begin a tenant's trial of a price; without a means of payment it is cancelled at its end."""
    ends = int(trial_ends_at.timestamp())
    parameters: Any = {
        "customer": customer,
        "items": [{"price": price}],
        "trial_end": ends,
        "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
    }
    made = _client().v1.subscriptions.create(parameters, _once(f"trial-{tenant}-{ends}"))
    return RemoteSubscription.of(made.to_dict())


def _changed(item: str, price: str, prorated_at: datetime) -> dict[str, Any]:
    """Return a change of price that is invoiced at once."""
    return {
        "items": [{"id": item, "price": price}],
        "proration_behavior": "always_invoice",
        "proration_date": int(prorated_at.timestamp()),
    }


@_asks
def change_price(subscription: RemoteSubscription, price: str, prorated_at: datetime) -> None:
    """Change what is subscribed to from ``prorated_at`` on; one that was to end goes on.

    What it costs is charged at once; if that fails nothing is changed.
    """
    moment = int(prorated_at.timestamp())
    parameters: Any = {
        **_changed(subscription.item, price, prorated_at),
        "payment_behavior": "error_if_incomplete",
        "cancel_at_period_end": False,
    }
    key = f"change-{subscription.id}-{subscription.price}-{price}-{moment}"
    _client().v1.subscriptions.update(subscription.id, parameters, _once(key))


@_asks
def preview_price(subscription: RemoteSubscription, price: str, prorated_at: datetime) -> Cost:
    """Return what :func:`change_price` would charge at once."""
    parameters: Any = {
        "customer": subscription.customer,
        "subscription": subscription.id,
        "subscription_details": _changed(subscription.item, price, prorated_at),
    }
    found = _client().v1.invoices.create_preview(parameters).to_dict()
    # On trial nothing is charged: what is previewed is the invoice at its end.
    is_later = subscription.status == "trialing"
    currency = found["currency"].upper()
    lines = [] if is_later else found["lines"]["data"]
    return Cost(
        due=amount(0 if is_later else found["amount_due"], currency),
        currency=currency,
        lines=[(line["description"] or "", amount(line["amount"], currency)) for line in lines],
    )


@_asks
def cancel_at_period_end(subscription: str, *, cancels: bool) -> None:
    """Have a subscription end with its period, or go on after all; the same when repeated."""
    _client().v1.subscriptions.update(subscription, {"cancel_at_period_end": cancels})


@_asks
def cancel(subscription: str) -> None:
    """End a subscription at once; one that has ended is left as it is."""
    try:
        _client().v1.subscriptions.cancel(subscription)
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise


@_asks
def checkout(customer: str, price: str, *, back: str, trial_days: int) -> str:
    """Return the address of Stripe's page where a customer subscribes to a price.

    One at a time: an earlier page that is still open is closed, so that nobody subscribes twice.
    """
    sessions = _client().v1.checkout.sessions
    earlier = sessions.list({"customer": customer, "limit": 20}).data
    for one in earlier:
        if one.status == "open":
            sessions.expire(one.id)
    last = earlier[0].id if earlier else "none"
    parameters: Any = {
        "mode": "subscription",
        "customer": customer,
        "line_items": [{"price": price, "quantity": 1}],
        "success_url": f"{back}?paid=yes",
        "cancel_url": back,
    }
    if trial_days:
        parameters["subscription_data"] = {"trial_period_days": trial_days}
    made = sessions.create(parameters, _once(f"checkout-{customer}-{price}-{last}"))
    if made.url is None:
        raise StripeUnavailable("a page without an address")
    return made.url


@_asks
def customer_portal(customer: str, *, back: str) -> str:
    """Return the address of Stripe's pages for means of payment and invoices; good for minutes."""
    sessions = _client().v1.billing_portal.sessions
    return sessions.create({"customer": customer, "return_url": back}).url


@_asks
def invoices_of(customer: str) -> list[RemoteInvoice]:
    """Return the newest invoices of a customer, newest first."""
    listed = _client().v1.invoices.list({"customer": customer, "limit": _NEWEST_INVOICES})
    return [RemoteInvoice.of(one.to_dict()) for one in listed.data]


@_asks
def customer_of(kind: str, object_id: str) -> str:
    """Return whose an object is; empty if nobody's.

    ``kind`` is its type, as events name it: ``customer``, ``subscription``, ``invoice`` or
    ``checkout.session``.
    """
    v1 = _client().v1
    match kind:
        case "customer":
            return object_id
        case "subscription":
            found: Any = v1.subscriptions.retrieve(object_id)
        case "invoice":
            found = v1.invoices.retrieve(object_id)
        case "checkout.session":
            found = v1.checkout.sessions.retrieve(object_id)
        case _:
            return ""
    return found.to_dict()["customer"] or ""


def events_since(moment: datetime) -> Iterator[list[dict[str, Any]]]:
    """Yield Stripe's own list of what it told since then, newest first, a page at a time."""
    return _pages("/v1/events", created={"gte": int(moment.timestamp())})


def _pages(path: str, **params: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield the pages of a list as they stand in Stripe's JSON.

    Made into the SDK's objects and back they would take ten times as long.
    """
    after: dict[str, str] = {}
    while True:
        page = _page(path, **params, **after)
        yield page["data"]
        if not page["has_more"]:
            return
        after = {"starting_after": page["data"][-1]["id"]}


@_asks
def _page(path: str, **params: Any) -> dict[str, Any]:
    page: Any = _client().raw_request("get", path, limit=100, **params)
    found: dict[str, Any] = page.data
    return found


def verified(body: bytes, signature: str, secrets: Sequence[str]) -> dict[str, Any]:
    """Return the event in a webhook's body.

    Raises:
        BadSignature: none of ``secrets`` signed it, it is older than five minutes, or dated as
            far ahead.
        ValueError: it holds no JSON object.

    """
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(
                body, signature, secret, int(TOLERANCE.total_seconds())
            )
        except (stripe.SignatureVerificationError, ValueError, UnicodeDecodeError):
            continue
        if _signed_at(signature) > time.time() + TOLERANCE.total_seconds():
            raise BadSignature("dated ahead")
        event = json.loads(body)
        if not isinstance(event, dict):
            raise ValueError("no event")
        return event
    raise BadSignature("no signature of ours")


def _signed_at(signature: str) -> int:
    [seconds, *_others] = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    return int(seconds)
