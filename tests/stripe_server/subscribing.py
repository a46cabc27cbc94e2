"""Subscriptions: start, change with proration, pause's end; what time does is in ``clock``."""

from typing import Any

from .collecting import attempt, can_pay, collect, no_payment_method, payment_method
from .errors import Refused, declined, no_such
from .invoicing import a_line, add_pending, an_invoice, draft, finalise, pending_lines
from .objects import a_list, a_plan, automatic_tax, made
from .periods import day, next_end, share
from .state import Object, State, copied, with_metadata

FIRST_PAYMENT_SECONDS = 23 * 3600
MISSING = {"end_behavior": {"missing_payment_method": "create_invoice"}}


def items_of(subscription: Object) -> list[Object]:
    return subscription["items"]["data"]


def period_of(subscription: Object) -> tuple[int, int]:
    item = items_of(subscription)[0]
    return item["current_period_start"], item["current_period_end"]


def recurring_price(state: State, id_: str, param: str) -> Object:
    price = state.get("price", id_, param)
    if price["recurring"] is None:
        raise Refused(400, "The price specified is set to `type=one_time`.", param=param)
    if not price["active"]:
        raise Refused(400, "The price specified is inactive.", param=param)
    return price


def an_item(state: State, subscription: Object, given: Object, param: str) -> Object:
    if "price" not in given:
        name = f"{param}[price]"
        text = f"Missing required param: {name}."
        raise Refused(400, text, code="parameter_missing", param=name)
    price = recurring_price(state, given["price"], f"{param}[price]")
    item = made(
        state,
        "subscription_item",
        state.new_id("si_", 14),
        discounts=[],
        price=price,
        plan=a_plan(price),
        quantity=given.get("quantity", 1),
        subscription=subscription["id"],
        tax_rates=[],
        current_period_start=state.now,
        current_period_end=state.now,
    )
    del item["livemode"]
    with_metadata(item, given.get("metadata"))
    return item


def a_subscription(state: State, customer: str, items: list[Object], **fields: Any) -> Object:
    """Return a subscription of these items; it is not kept yet."""
    id_ = state.new_id("sub_1")
    subscription = made(
        state,
        "subscription",
        id_,
        customer=customer,
        automatic_tax=automatic_tax(disabled_reason=None),
        billing_mode={"type": "flexible", "flexible": None},
        billing_schedules=[],
        cancel_at_period_end=False,
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        collection_method="charge_automatically",
        default_tax_rates=[],
        discounts=[],
        invoice_settings={
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        payment_settings={
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        items=a_list([], f"/v1/subscription_items?subscription={id_}"),
        start_date=state.now,
        status="incomplete",
        trial_settings=copied(MISSING),
    )
    for at, given in enumerate(items):
        items_of(subscription).append(an_item(state, subscription, given, f"items[{at}]"))
    currencies = {item["price"]["currency"] for item in items_of(subscription)}
    intervals = {item["price"]["recurring"]["interval"] for item in items_of(subscription)}
    if len(currencies) > 1 or len(intervals) > 1:
        raise Refused(400, "All prices must be of one currency and interval.", param="items")
    subscription["currency"] = currencies.pop()
    subscription.update({name: value for name, value in fields.items() if value is not None})
    return subscription


def begin(state: State, subscription: Object, trial_end: int | None) -> list[Object]:
    """Set the first period, of the trial or of the interval, and return the lines for it."""
    if trial_end:
        subscription.update(
            trial_start=state.now, trial_end=trial_end, billing_cycle_anchor=trial_end
        )
        return set_period(state, subscription, state.now, trial_end, trial=True)
    subscription["billing_cycle_anchor"] = state.now
    return renew(state, subscription, state.now)


def renew(state: State, subscription: Object, since: int) -> list[Object]:
    """Begin the period that follows, and return the lines for it."""
    recurring = items_of(subscription)[0]["price"]["recurring"]
    until = next_end(subscription["billing_cycle_anchor"], recurring, since)
    return set_period(state, subscription, since, until)


def set_period(
    state: State, subscription: Object, start: int, end: int, *, trial: bool = False
) -> list[Object]:
    for item in items_of(subscription):
        item.update(current_period_start=start, current_period_end=end)
    if subscription["id"] in state.objects["subscription"]:
        state.at(end, "period_ends", subscription["id"])
    return [period_line(state, subscription, item, trial=trial) for item in items_of(subscription)]


def period_line(state: State, subscription: Object, item: Object, *, trial: bool = False) -> Object:
    price, quantity = item["price"], item["quantity"]
    product = state.get("product", price["product"])["name"]
    every = price["recurring"]["interval"]
    return a_line(
        state,
        price,
        amount=0 if trial else price["unit_amount"] * quantity,
        quantity=quantity,
        period=(item["current_period_start"], item["current_period_end"]),
        description=f"Trial period for {product}" if trial else f"{quantity} × {product} ({every})",
        subscription=subscription["id"],
        item=item["id"],
    )


def start(
    state: State, subscription: Object, *, trial_end: int | None, payment_behavior: str
) -> Object:
    """Keep the subscription, with its first invoice finalised and, if it can be, paid."""
    lines = begin(state, subscription, trial_end)
    due = an_invoice(state, subscription, lines, "subscription_create", (state.now, state.now))
    payable = due["amount_due"] == 0 or can_pay(state, subscription)
    if not payable and payment_behavior == "error_if_incomplete":
        raise declined()
    has_method = payment_method(state, subscription) is not None
    if not payable and not has_method and payment_behavior != "default_incomplete":
        raise no_payment_method()
    state.add(subscription)
    for item in items_of(subscription):
        state.add(item)
    now = (state.now, state.now)
    invoice = draft(state, subscription, lines, "subscription_create", now)
    finalise(state, invoice)
    waits = payment_behavior == "default_incomplete"
    if invoice["status"] == "paid" or (not waits and attempt(state, invoice)):
        subscription["status"] = "trialing" if trial_end else "active"
    customer = state.get("customer", subscription["customer"])
    customer["currency"] = customer["currency"] or subscription["currency"]
    end_with_period(state, subscription)
    state.emit("customer.subscription.created", subscription)
    state.at(period_of(subscription)[1], "period_ends", subscription["id"])
    if subscription["status"] == "incomplete":
        state.at(state.now + FIRST_PAYMENT_SECONDS, "first_payment_is_late", subscription["id"])
    if trial_end:
        remind_of_trial(state, subscription)
    return subscription


def end_with_period(state: State, subscription: Object) -> None:
    """Keep ``cancel_at`` and ``canceled_at`` what ``cancel_at_period_end`` makes them."""
    if subscription["cancel_at_period_end"]:
        subscription.update(cancel_at=period_of(subscription)[1])
        subscription["canceled_at"] = subscription["canceled_at"] or state.now
        subscription["cancellation_details"]["reason"] = "cancellation_requested"


def remind_of_trial(state: State, subscription: Object) -> None:
    soon = max(state.now, subscription["trial_end"] - 3 * 86400)
    state.at(soon, "trial_will_end", subscription["id"])


def prorations(state: State, subscription: Object, before: Object, since: int) -> list[Object]:
    """Return the credit for each item's old price and the charge for its new one."""
    if subscription["status"] == "trialing":
        return []
    start, end = period_of(before)
    old = {item["id"]: item for item in items_of(before)}
    new = {item["id"]: item for item in items_of(subscription)}
    same_cycle = period_of(subscription) == (start, end)
    lines = []
    for id_ in {**old, **new}:
        was, becomes = old.get(id_), new.get(id_)
        if was and becomes and _same_price(was, becomes):
            continue
        sides = [(was, -1, "Unused time")] if was else []
        sides += [(becomes, 1, "Remaining time")] if becomes and same_cycle else []
        for item, sign, words in sides:
            price, quantity = item["price"], item["quantity"]
            product = state.get("product", price["product"])["name"]
            line = a_line(
                state,
                price,
                amount=sign * share(price["unit_amount"] * quantity, start, end, since),
                quantity=quantity,
                period=(since, end),
                description=f"{words} on {product} after {day(since)}",
                subscription=subscription["id"],
                item=id_,
                proration=True,
            )
            lines.append(line)
    return lines


def _same_price(was: Object, becomes: Object) -> bool:
    return (was["price"]["id"], was["quantity"]) == (becomes["price"]["id"], becomes["quantity"])


def change_items(state: State, subscription: Object, given: list[Object]) -> None:
    """Set prices and quantities, add and delete items; another interval begins a period now."""
    items = items_of(subscription)
    interval = items[0]["price"]["recurring"]["interval"]
    for at, one in enumerate(given):
        if "id" not in one:
            item = an_item(state, subscription, one, f"items[{at}]")
            item.update({name: items[0][name] for name in PERIOD})
            items.append(item)
            continue
        item = next((item for item in items if item["id"] == one["id"]), None)
        if item is None:
            raise no_such("subscription_item", one["id"], f"items[{at}][id]", 400)
        if one.get("deleted"):
            items.remove(item)
            continue
        if "price" in one:
            item["price"] = recurring_price(state, one["price"], f"items[{at}][price]")
            item["plan"] = a_plan(item["price"])
        item["quantity"] = one.get("quantity", item["quantity"])
    if not items:
        raise Refused(400, "A subscription must have at least one active item.", param="items")
    if items[0]["price"]["recurring"]["interval"] != interval and not trialing(subscription):
        subscription["billing_cycle_anchor"] = state.now
        recurring = items[0]["price"]["recurring"]
        for item in items:
            item["current_period_start"] = state.now
            item["current_period_end"] = next_end(state.now, recurring, state.now)


PERIOD = ("current_period_start", "current_period_end")


def trialing(subscription: Object) -> bool:
    return subscription["status"] == "trialing"


def end_trial_now(state: State, subscription: Object) -> None:
    subscription.update(trial_end=state.now, billing_cycle_anchor=state.now, status="active")
    recurring = items_of(subscription)[0]["price"]["recurring"]
    for item in items_of(subscription):
        item["current_period_start"] = state.now
        item["current_period_end"] = next_end(state.now, recurring, state.now)


def lines_of_change(
    state: State, subscription: Object, before: Object, behaviour: str, since: int
) -> tuple[list[Object], bool]:
    """Return the lines of a change, and whether they are invoiced at once."""
    lines = [] if behaviour == "none" else prorations(state, subscription, before, since)
    new_period = period_of(subscription) != period_of(before) and not trialing(subscription)
    if new_period:
        lines += [period_line(state, subscription, item) for item in items_of(subscription)]
    return lines, new_period or behaviour == "always_invoice"


def change(
    state: State, subscription: Object, before: Object, *, behaviour: str, since: int
) -> None:
    """Write what a changed subscription costs: at once, or on its next invoice."""
    for item in items_of(before):
        kept = state.objects["subscription_item"]
        if item["id"] not in {one["id"] for one in items_of(subscription)}:
            kept.pop(item["id"], None)
    for item in items_of(subscription):
        state.add(item)
    lines, at_once = lines_of_change(state, subscription, before, behaviour, since)
    if period_of(subscription) != period_of(before):
        state.at(period_of(subscription)[1], "period_ends", subscription["id"])
    if lines and at_once:
        now = (state.now, state.now)
        collect(state, draft(state, subscription, lines, "subscription_update", now))
    else:
        for line in lines:
            add_pending(state, subscription, line)


def previewed(
    state: State, subscription: Object, before: Object, *, behaviour: str, since: int
) -> Object:
    """Return the invoice that the changed subscription would lead to."""
    lines, at_once = lines_of_change(state, subscription, before, behaviour, since)
    start, end = period_of(subscription)
    reason = "subscription_update"
    if not at_once and not subscription["cancel_at_period_end"]:
        following = copied(subscription)
        lines = pending_lines(state, subscription) + lines
        recurring = items_of(following)[0]["price"]["recurring"]
        until = next_end(following["billing_cycle_anchor"], recurring, end)
        for item in items_of(following):
            item.update(current_period_start=end, current_period_end=until)
            lines.append(period_line(state, following, item))
        reason = "upcoming"
    lines = [copied(line) for line in lines]
    return an_invoice(state, subscription, lines, reason, (start, end))
