import time


def test_ten_thousand_events_are_made_and_read_in_seconds(server, client, prices):
    began = time.monotonic()
    ids = server.populate([price.id for price in prices.values()], 1000, rounds=5, days=60)
    assert len(set(ids)) == len(server.state.objects["customer"]) == 1000
    events = server.events()
    assert len(events) >= 10_000
    assert {event["type"] for event in events} >= {
        *("customer.subscription.deleted", "customer.subscription.trial_will_end"),
        *("invoice.payment_failed", "invoice.paid"),
    }
    read = client.v1.events.list({"limit": 100}).auto_paging_iter()
    assert [event.id for event in read] == [event["id"] for event in reversed(events)]
    assert time.monotonic() - began < 60


def test_the_last_event_of_each_object_is_the_object_as_it_is(server, prices):
    server.populate([price.id for price in prices.values()], 100, rounds=10, days=100)
    last = {}
    for event in server.events():
        obj = event["data"]["object"]
        last[obj["id"]] = obj
    kinds = {obj["object"] for obj in last.values()}
    assert {"subscription", "invoice", "customer"} <= kinds
    for id_, obj in last.items():
        if obj["object"] in {"subscription", "invoice"}:
            assert server.object(id_) == obj
