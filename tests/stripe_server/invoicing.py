"""Invoices: their lines, drafts, finalising and what becomes of them."""

from .objects import a_list, automatic_tax, made
from .state import Object, State

DRAFT_SECONDS = 3600  # Stripe finalises a renewal's draft after about an hour


def a_line(
    state: State,
    price: Object,
    *,
    amount: int,
    quantity: int,
    period: tuple[int, int],
    description: str,
    subscription: str,
    item: str,
    proration: bool = False,
) -> Object:
    start, end = period
    line = made(
        state,
        "line_item",
        state.new_id("il_1"),
        amount=amount,
        subtotal=amount,
        currency=price["currency"],
        description=description,
        discount_amounts=[],
        discountable=not proration,
        discounts=[],
        parent={
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": proration,
                "proration_details": {"credited_items": None} if proration else None,
                "subscription": subscription,
                "subscription_item": item,
            },
            "type": "subscription_item_details",
        },
        period={"start": start, "end": end},
        pretax_credit_amounts=[],
        pricing={
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        quantity=quantity,
        quantity_decimal=str(quantity),
        subscription=subscription,
        taxes=[],
    )
    del line["created"]
    return line


def an_invoice(
    state: State, subscription: Object, lines: list[Object], reason: str, period: tuple[int, int]
) -> Object:
    """Return a draft of these lines; it is not kept yet."""
    customer = state.get("customer", subscription["customer"])
    id_ = state.new_id("in_1")
    for line in lines:
        line["invoice"] = id_
    invoice = made(
        state,
        "invoice",
        id_,
        account_country="US",
        amount_overpaid=0,
        amount_paid=0,
        amount_shipping=0,
        attempt_count=0,
        attempted=False,
        auto_advance=True,
        automatic_tax=automatic_tax(disabled_reason=None, provider=None, status=None),
        billing_reason=reason,
        collection_method=subscription["collection_method"],
        currency=subscription["currency"],
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        customer_tax_exempt=customer["tax_exempt"],
        customer_tax_ids=[],
        default_tax_rates=[],
        discounts=[],
        issuer={"type": "self"},
        lines=a_list(lines, f"/v1/invoices/{id_}/lines"),
        parent={
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
        payment_settings={
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        period_start=period[0],
        period_end=period[1],
        post_payment_credit_notes_amount=0,
        pre_payment_credit_notes_amount=0,
        starting_balance=customer["balance"],
        status="draft",
        status_transitions={
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        total_discount_amounts=[],
        total_pretax_credit_amounts=[],
        total_taxes=[],
    )
    add_up(invoice)
    return invoice


def add_up(invoice: Object) -> None:
    """Total the lines and take the customer's credit off what is due."""
    total = sum(line["amount"] for line in invoice["lines"]["data"])
    due = max(0, total + invoice["starting_balance"]) if total > 0 else 0
    invoice.update(
        subtotal=total,
        subtotal_excluding_tax=total,
        total=total,
        total_excluding_tax=total,
        amount_due=due,
        amount_remaining=due,
    )


def draft(
    state: State, subscription: Object, lines: list[Object], reason: str, period: tuple[int, int]
) -> Object:
    """Keep a draft of these lines and of the subscription's pending items."""
    pending = pending_lines(state, subscription)
    invoice = an_invoice(state, subscription, pending + lines, reason, period)
    for line in pending:
        item = state.get("invoiceitem", line["parent"]["subscription_item_details"]["invoice_item"])
        with state.changing(item, "invoiceitem.updated"):
            item["invoice"] = invoice["id"]
    state.pending.pop(subscription["id"], None)
    state.add(invoice)
    subscription["latest_invoice"] = invoice["id"]
    state.emit("invoice.created", invoice)
    return invoice


def pending_lines(state: State, subscription: Object) -> list[Object]:
    return state.pending.get(subscription["id"], [])


def add_pending(state: State, subscription: Object, line: Object) -> None:
    """Keep a line for the subscription's next invoice."""
    item = made(
        state,
        "invoiceitem",
        state.new_id("ii_1"),
        amount=line["amount"],
        net_amount=line["amount"],
        currency=line["currency"],
        customer=subscription["customer"],
        date=state.now,
        description=line["description"],
        discountable=False,
        discounts=[],
        parent={
            "subscription_details": {"subscription": subscription["id"]},
            "type": "subscription_details",
        },
        period=dict(line["period"]),
        pricing=dict(line["pricing"]),
        proration=True,
        quantity=line["quantity"],
        quantity_decimal=line["quantity_decimal"],
        tax_rates=[],
    )
    del item["created"]
    line["parent"]["subscription_item_details"]["invoice_item"] = item["id"]
    state.add(item)
    state.pending.setdefault(subscription["id"], []).append(line)
    state.emit("invoiceitem.created", item)


def finalise(state: State, invoice: Object) -> None:
    """Number the draft; what is due from then on does not change."""
    customer = state.get("customer", invoice["customer"])
    invoice["starting_balance"] = customer["balance"]
    add_up(invoice)
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04}"
    customer["next_invoice_sequence"] += 1
    secret = state.new_id("test_", 40)
    url = f"https://invoice.stripe.com/i/{state.account_id}/{secret}"
    from_balance = invoice["total"] - invoice["amount_due"]
    invoice.update(
        status="open",
        number=number,
        effective_at=state.now,
        automatically_finalizes_at=None,
        hosted_invoice_url=url,
        invoice_pdf=f"https://pay.stripe.com/invoice/{state.account_id}/{secret}/pdf",
        ending_balance=invoice["starting_balance"] + from_balance,
    )
    invoice["status_transitions"]["finalized_at"] = state.now
    with state.changing(customer, "customer.updated"):
        customer["balance"] = invoice["ending_balance"]
    state.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        mark_paid(state, invoice)


def mark_paid(state: State, invoice: Object) -> None:
    with state.changing(invoice, "invoice.updated"):
        if invoice["amount_due"]:
            invoice["attempt_count"] += 1
        invoice.update(
            status="paid",
            attempted=True,
            amount_paid=invoice["amount_due"],
            amount_remaining=0,
            auto_advance=False,
            next_payment_attempt=None,
        )
        invoice["status_transitions"]["paid_at"] = state.now
    state.emit("invoice.paid", invoice)
    state.emit("invoice.payment_succeeded", invoice)


def subscription_of(state: State, invoice: Object) -> Object:
    return state.get("subscription", invoice["parent"]["subscription_details"]["subscription"])
