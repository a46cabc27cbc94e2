from typing import Any

from stripe import params

from ..collecting import follow, pay
from ..errors import Refused, no_such
from ..invoicing import an_invoice, finalise
from ..routing import route
from ..state import Object, State, copied, with_metadata
from ..subscribing import a_subscription, begin, change_items, end_trial_now, previewed
from .catalogue import given


@route("GET /v1/invoices", params.InvoiceListParams)
def list_invoices(
    state: State,
    *,
    customer: str | None = None,
    subscription: str | None = None,
    status: str | None = None,
    collection_method: str | None = None,
    **page: Any,
) -> Object:
    if customer and customer not in state.objects["customer"]:
        raise no_such("customer", customer, "customer", 400)

    def keep(invoice: Object) -> bool:
        of = invoice["parent"]["subscription_details"]["subscription"]
        return (
            customer in (None, invoice["customer"])
            and subscription in (None, of)
            and status in (None, invoice["status"])
            and collection_method in (None, invoice["collection_method"])
        )

    return state.listed("invoice", "/v1/invoices", keep, **page)


@route("GET /v1/invoices/{invoice}", params.InvoiceRetrieveParams)
def retrieve_invoice(state: State, id_: str) -> Object:
    return state.get("invoice", id_)


@route("GET /v1/invoiceitems/{item}", params.InvoiceItemRetrieveParams)
def retrieve_pending_item(state: State, id_: str) -> Object:
    return state.get("invoiceitem", id_)


@route("GET /v1/invoiceitems", params.InvoiceItemListParams)
def list_pending_items(
    state: State, *, customer: str | None = None, pending: bool | None = None, **page: Any
) -> Object:
    def keep(item: Object) -> bool:
        is_pending = item["invoice"] is None
        return customer in (None, item["customer"]) and pending in (None, is_pending)

    return state.listed("invoiceitem", "/v1/invoiceitems", keep, **page)


@route("GET /v1/invoices/{invoice}/lines", params.InvoiceLineItemListParams)
def list_lines(state: State, id_: str, *, limit: int = 10) -> Object:
    lines = state.get("invoice", id_)["lines"]
    return {**lines, "data": lines["data"][:limit], "has_more": len(lines["data"]) > limit}


@route("POST /v1/invoices/{invoice}", params.InvoiceUpdateParams)
def update_invoice(
    state: State,
    id_: str,
    *,
    metadata: Any = None,
    description: str | None = None,
    auto_advance: bool | None = None,
) -> Object:
    invoice = state.get("invoice", id_)
    with state.changing(invoice, "invoice.updated"):
        with_metadata(invoice, metadata)
        given(invoice, {"description": description, "auto_advance": auto_advance})
    return invoice


@route("POST /v1/invoices/{invoice}/finalize", params.InvoiceFinalizeInvoiceParams)
def finalize_invoice(state: State, id_: str, *, auto_advance: bool = True) -> Object:
    invoice = state.get("invoice", id_)
    if invoice["status"] != "draft":
        raise Refused(400, "This invoice is already finalized.")
    finalise(state, invoice)
    if invoice["status"] == "paid":
        follow(state, invoice)
    return invoice


@route("POST /v1/invoices/{invoice}/pay", params.InvoicePayParams)
def pay_invoice(state: State, id_: str, *, off_session: bool = True) -> Object:
    invoice = state.get("invoice", id_)
    pay(state, invoice)
    return invoice


@route("POST /v1/invoices/{invoice}/void", params.InvoiceVoidInvoiceParams)
def void_invoice(state: State, id_: str) -> Object:
    invoice = state.get("invoice", id_)
    if invoice["status"] not in {"open", "uncollectible"}:
        raise Refused(400, "You can only pass in open invoices.")
    with state.changing(invoice, "invoice.updated"):
        invoice.update(status="void", auto_advance=False, next_payment_attempt=None)
        invoice["status_transitions"]["voided_at"] = state.now
    state.emit("invoice.voided", invoice)
    return invoice


@route("POST /v1/invoices/create_preview", params.InvoiceCreatePreviewParams)
def create_preview(
    state: State,
    *,
    customer: str | None = None,
    subscription: str | None = None,
    subscription_details: Object | None = None,
) -> Object:
    """Show what a change, or a new subscription, would be invoiced as; nothing is kept."""
    details = dict(subscription_details or {})
    items = details.pop("items", [])
    behaviour = details.pop("proration_behavior", "create_prorations")
    since = details.pop("proration_date", state.now)
    trial_end = details.pop("trial_end", None)
    at_period_end = details.pop("cancel_at_period_end", None)
    if details:
        text = f"This test server does not preview {sorted(details)}."
        raise Refused(501, text, type="api_error")
    if subscription is None:
        if customer is None:
            text = "Missing required param: customer."
            raise Refused(400, text, code="parameter_missing", param="customer")
        state.live("customer", customer, "customer")
        new = a_subscription(state, customer, items)
        lines = begin(state, new, None if trial_end == "now" else trial_end)
        now = (state.now, state.now)
        invoice = an_invoice(state, new, lines, "subscription_create", now)
        return as_preview(invoice)
    before = state.get("subscription", subscription, "subscription")
    changed = copied(before)
    if items:
        change_items(state, changed, items)
    if trial_end == "now":
        end_trial_now(state, changed)
    if at_period_end is not None:
        changed["cancel_at_period_end"] = at_period_end
    return as_preview(previewed(state, changed, before, behaviour=behaviour, since=since))


def as_preview(invoice: Object) -> Object:
    """Give it the ids of an invoice that is none yet."""
    invoice["id"] = f"upcoming_{invoice['id']}"
    for line in invoice["lines"]["data"]:
        line.update(id=line["id"].replace("il_", "il_tmp_"), invoice=invoice["id"])
    return invoice
