"""Many customers with histories, made without HTTP: for long runs."""

from random import Random

from . import clock
from .api.customers import create_customer
from .api.subscriptions import cancel_subscription, create_subscription, update_subscription
from .collecting import ENDED
from .state import Object, State
from .subscribing import items_of


def populate(
    state: State, prices: list[str], customers: int, *, rounds: int, days: int, seed: int
) -> list[str]:
    """Return the ids of new customers, each with subscriptions to which much has happened."""
    random = Random(seed)
    subscriptions = [
        subscribe(state, random, prices, new_customer(state)) for _ in range(customers)
    ]
    for _ in range(rounds):
        for at, subscription in enumerate(subscriptions):
            if subscription["status"] in ENDED:
                subscriptions[at] = subscribe(state, random, prices, subscription["customer"])
            else:
                deed = random.choice(DEEDS)
                deed(state, random, subscription, prices)
        clock.advance(state, state.now + days * 86400 // rounds)
    return [subscription["customer"] for subscription in subscriptions]


def new_customer(state: State) -> str:
    email = f"owner{len(state.objects['customer'])}@bulk.example"
    card = {"default_payment_method": "pm_card_visa"}
    return create_customer(state, email=email, invoice_settings=card)["id"]


def subscribe(state: State, random: Random, prices: list[str], customer: str) -> Object:
    return create_subscription(
        state,
        customer=customer,
        items=[{"price": random.choice(prices)}],
        trial_period_days=random.choice([None, 14]),
    )


def change_price(state: State, random: Random, subscription: Object, prices: list[str]) -> None:
    update_subscription(
        state,
        subscription["id"],
        items=[{"id": items_of(subscription)[0]["id"], "price": random.choice(prices)}],
        proration_behavior=random.choice(["none", "create_prorations", "always_invoice"]),
    )


def leave_or_stay(state: State, random: Random, subscription: Object, prices: list[str]) -> None:
    leaves = not subscription["cancel_at_period_end"]
    update_subscription(state, subscription["id"], cancel_at_period_end=leaves)


def rename(state: State, random: Random, subscription: Object, prices: list[str]) -> None:
    metadata = {"note": str(random.random())}
    update_subscription(state, subscription["id"], metadata=metadata)


def fail_or_pay(state: State, random: Random, subscription: Object, prices: list[str]) -> None:
    state.failing ^= {subscription["customer"]}


def leave_now(state: State, random: Random, subscription: Object, prices: list[str]) -> None:
    if random.random() < 0.3:
        cancel_subscription(state, subscription["id"])


DEEDS = (change_price, leave_or_stay, rename, fail_or_pay, leave_now)
