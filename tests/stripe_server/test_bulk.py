import json
import time
from urllib.request import Request, urlopen


def test_ten_thousand_events_are_made_and_read_in_seconds(server, prices):
    began = time.monotonic()
    ids = server.populate([price.id for price in prices.values()], 500, rounds=5, days=60)
    assert len(set(ids)) == len(server.state.objects["customer"]) == 500
    events = server.events()
    assert len(events) >= 10_000
    assert {event["type"] for event in events} >= {
        *("customer.subscription.deleted", "customer.subscription.trial_will_end"),
        *("invoice.payment_failed", "invoice.paid"),
    }
    assert [*every_event(server)] == [event["id"] for event in reversed(events)]
    assert time.monotonic() - began < 30


def every_event(server):
    """Read all pages without the SDK, which takes a millisecond to build an event."""
    headers = {"Authorization": f"Bearer {server.api_key}"}
    url = after = f"{server.url}/v1/events?limit=100"
    while after:
        with urlopen(Request(after, headers=headers)) as answer:
            page = json.load(answer)
        ids = [event["id"] for event in page["data"]]
        yield from ids
        after = page["has_more"] and f"{url}&starting_after={ids[-1]}"


def test_the_last_event_of_each_object_is_the_object_as_it_is(server, prices):
    server.populate([price.id for price in prices.values()], 100, rounds=10, days=100)
    last = {event["data"]["object"]["id"]: event["data"]["object"] for event in server.events()}
    assert {"subscription", "invoice", "customer"} <= {obj["object"] for obj in last.values()}
    for id_, obj in last.items():
        if obj["object"] in {"subscription", "invoice"}:
            assert server.object(id_) == obj
