"""What the server serves has the form of Stripe's own sample objects, where they lie at hand."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from stripe._object_classes import get_object_class

from tests.stripe_server.api.events import retrieve_account
from tests.stripe_server.objects import CLASSES
from tests.stripe_server.state import Object

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT.parent / "shared" / "data" / "stripe" / "fixtures3.json"

# What the samples have and the server leaves out.
LEFT_OUT = {
    "account": {
        *("business_profile", "future_requirements", "requirements", "settings"),
        "tos_acceptance",
    },
    "invoice": {"subscription"},  # of before 2025: it stands at parent.subscription_details
}
# What Stripe's reference has and the samples do not.
NOT_IN_SAMPLES = {
    "event.data.previous_attributes: not in the samples",
    "invoiceitem.pricing.price_details: not in the samples",
    "line_item.pricing.price_details: not in the samples",
}


def test_every_object_has_the_fields_and_types_of_the_samples(server, client, prices, payer):
    if not SAMPLES.exists():
        pytest.skip("Stripe's samples are not beside the checkout")
    samples = json.loads(SAMPLES.read_text())["resources"]
    served = [*a_life(server, client, prices, payer)]
    kinds = {one["object"] for one in served}
    assert kinds >= {*CLASSES, "account", "event", "payment_method"} - {"line_item", "plan"}
    found: set[str] = set()
    left: dict[str, set[str]] = {}
    for one in served:
        name = f"deleted_{one['object']}" if one.get("deleted") else one["object"]
        found |= set(differences(one, samples))
        missing = samples[name].keys() - one.keys()
        left.setdefault(name, missing)
        left[name] &= missing
    assert found == NOT_IN_SAMPLES
    assert {name: fields for name, fields in left.items() if fields} == LEFT_OUT


def a_life(server, client, prices, payer) -> Iterator[Object]:
    """Bring every kind of object and state about."""
    v1 = client.v1
    line_items = [{"price": prices["month"].id, "quantity": 1}]
    session = v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "success_url": "https://acme.example/",
            "line_items": line_items,
            "subscription_data": {"trial_period_days": 14},
        }
    )
    server.complete_checkout(session.id)
    wanted = {"customer": payer.id, "items": [{"price": prices["month"].id}]}
    changed = v1.subscriptions.create({**wanted, "metadata": {"tenant": "7"}})
    items = [{"id": changed["items"].data[0].id, "price": prices["big"].id}]
    server.advance(timedelta(days=15))
    v1.subscriptions.update(changed.id, {"items": items})
    v1.subscriptions.update(changed.id, {"cancel_at_period_end": True})
    details = {"items": items[:0], "cancel_at_period_end": False}
    preview = v1.invoices.create_preview(
        {"subscription": changed.id, "subscription_details": details}
    )
    yield json.loads(preview.last_response.body)
    failing = v1.subscriptions.create({**wanted, "trial_period_days": 1})
    server.let_payments_fail(payer.id)
    server.advance(timedelta(days=60))
    assert v1.subscriptions.retrieve(failing.id).status == "canceled"
    v1.billing_portal.sessions.create(
        {
            "customer": payer.id,
            "flow_data": {
                "type": "subscription_cancel",
                "subscription_cancel": {"subscription": failing.id},
            },
        }
    )
    lost = v1.customers.create({"address": {"city": "Oslo"}, "payment_method": "pm_card_visa"})
    yield dict(server.object(lost.id))
    v1.customers.delete(lost.id)
    yield retrieve_account(server.state)
    for objects in server.state.objects.values():
        yield from objects.values()
    for event in server.events():
        if event["type"] != "customer.deleted":
            yield event["data"]["object"]


def differences(one: Object, samples: Object) -> Iterator[str]:
    """Yield where the object has a field or a type that the sample of its kind has not."""
    kind = f"deleted_{one['object']}" if one.get("deleted") else one["object"]
    known = None if one.get("deleted") else get_object_class("V1", one["object"])
    yield from of_fields(one, samples[kind], kind, samples, known)


def of_fields(
    value: Object, sample: Object, path: str, samples: Object, known: Any
) -> Iterator[str]:
    for name, inner in value.items():
        where = f"{path}.{name}"
        if name not in sample:
            yield f"{where}: not in the samples"
        elif sample[name] is not None:
            within = getattr(known, "_inner_class_types", {}).get(name)
            if inner is not None:
                yield from of_value(inner, sample[name], where, samples, within)
            elif not is_nullable(known, name):
                yield f"{where}: null"


def of_value(value: Any, sample: Any, path: str, samples: Object, known: Any) -> Iterator[str]:
    if type(value) is not type(sample):
        yield f"{path}: {type(value).__name__}"
    elif isinstance(value, list):
        for one in value if sample else value[:0]:
            yield from of_value(one, sample[0], path, samples, known)
    elif isinstance(value, dict):
        if isinstance(value.get("object"), str) and value["object"] != "list":
            yield from differences(value, samples)
        elif sample and not path.endswith(".metadata"):
            yield from of_fields(value, sample, path, samples, known)


def is_nullable(known: Any, name: str) -> bool:
    """Tell whether the SDK's class declares the field as one that may be null."""
    hint = str(getattr(known, "__annotations__", {}).get(name))
    return "Optional" in hint or "NoneType" in hint
