import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import stripe

from tests.stripe_server import WEBHOOK_SECRET, signed


class Receiver(ThreadingHTTPServer):
    """Keeps what is posted to it, and answers with ``status``."""

    daemon_threads = True

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), Post)
        self.url = f"http://127.0.0.1:{self.server_port}/api/stripe/webhook/"


class Post(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers.items()), body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"taken")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def event(server, client) -> dict[str, Any]:
    client.v1.customers.create({"name": "Acme"})
    return server.events()[-1]


def test_a_delivery_is_signed_as_the_sdk_expects(server, client, receiver, event):
    delivery = server.deliver(receiver.url, event, host="portal.example")
    assert (delivery.event, delivery.status, delivery.body) == (event["id"], 200, b"taken")
    assert server.deliveries == [delivery]
    headers, body = receiver.got[0]
    assert headers["Host"] == "portal.example"
    signature = headers["Stripe-Signature"]
    read = client.construct_event(body, signature, WEBHOOK_SECRET)
    assert (read.id, read.type) == (event["id"], "customer.created")
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(body + b" ", signature, WEBHOOK_SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(body, signature, "whsec_other")


def test_while_a_secret_is_rolled_both_sign(client, event):
    body, headers = signed(event, ["whsec_new", "whsec_old"])
    for secret in ("whsec_new", "whsec_old"):
        assert client.construct_event(body, headers["Stripe-Signature"], secret).id == event["id"]


def test_a_delivery_may_be_old_live_and_of_another_account(client, event):
    old = int(time.time()) - 400
    body, headers = signed(event, WEBHOOK_SECRET, timestamp=old)
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        client.construct_event(body, headers["Stripe-Signature"], WEBHOOK_SECRET)
    body, headers = signed(event, WEBHOOK_SECRET, livemode=True, account="acct_other")
    read = client.construct_event(body, headers["Stripe-Signature"], WEBHOOK_SECRET)
    assert (read.livemode, read.account) == (True, "acct_other")


def test_a_thin_event_leads_to_the_event_and_its_object(client, event):
    body, headers = signed(event, WEBHOOK_SECRET, thin=True)
    notification = client.parse_event_notification(
        body, headers["Stripe-Signature"], WEBHOOK_SECRET
    )
    assert notification.type == "v1.customer.created"
    assert notification.fetch_related_object().name == "Acme"
    fetched = notification.fetch_event()
    assert (fetched.id, fetched.snapshot_event) == (notification.id, event["id"])
    assert client.v1.events.retrieve(fetched.snapshot_event).type == "customer.created"
    with pytest.raises(stripe.InvalidRequestError):
        client.v2.core.events.retrieve("evt_test_none")


def test_events_arrive_twice_out_of_order_or_never_by_a_seed(server, client, receiver):
    for n in range(100):
        client.v1.customers.create({"name": str(n)})
    made = [event["id"] for event in server.events()]
    how = {"seed": 7, "duplicates": 0.3, "withheld": 0.1, "shuffled": True}
    run = server.deliver_all(receiver.url, at_once=4, **how)
    counts = Counter(delivery.event for delivery in run.deliveries)
    withheld = {event["id"] for event in run.withheld}
    assert counts.keys() | withheld == set(made)
    assert not counts.keys() & withheld
    assert 3 < len(withheld) < 20
    assert 10 < sum(1 for count in counts.values() if count == 2) < 50
    assert list(counts) != [id_ for id_ in made if id_ in counts]
    again = server.deliver_all(receiver.url, **how)
    assert [one.event for one in again.deliveries] == [one.event for one in run.deliveries]
    assert len(receiver.got) == 2 * counts.total()


def test_what_is_not_taken_is_delivered_again(server, receiver, event):
    receiver.status = 500
    run = server.deliver_all(receiver.url, [event], tries=3)
    assert [delivery.status for delivery in run.deliveries] == [500, 500, 500]


def test_nobody_there_is_no_answer(server, event):
    assert server.deliver("http://127.0.0.1:9/", event).status == 0


def test_events_are_listed_by_time_and_type(server, client):
    began = server.now
    client.v1.customers.create({"name": "Acme"})
    client.v1.products.create({"id": "pro", "name": "Pro"})
    only = client.v1.events.list({"type": "product.*", "created": {"gte": began}})
    assert [event.type for event in only.data] == ["product.created"]
    both = client.v1.events.list({"types": ["product.created", "customer.created"]})
    assert len(both.data) == 2
    assert client.v1.events.list({"created": {"gt": server.now + 10}}).data == []
    first = server.events()[0]["id"]
    assert [event.type for event in client.v1.events.list({"ending_before": first}).data] == [
        "product.created"
    ]


def test_an_event_names_the_request_and_key_that_caused_it(server, client):
    customer = client.v1.customers.create({"name": "Acme"}, {"idempotency_key": "k"})
    request = server.events()[-1]["request"]
    assert request == {"id": customer.last_response.request_id, "idempotency_key": "k"}
