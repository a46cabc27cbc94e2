"""What may go wrong on the way, before or after the effect."""

import time

import pytest
import stripe

from tests.stripe_server import StripeServer

ONCE = {"max_network_retries": 0}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, stripe.RateLimitError),
        (500, stripe.APIError),
        (503, stripe.APIError),
        (402, stripe.CardError),
    ],
)
def test_a_status_is_answered_as_often_as_asked(server, client, status, error):
    server.fail(status, 2)
    for _ in range(2):
        with pytest.raises(error) as refused:
            client.v1.customers.create({"name": "Acme"}, ONCE)
        assert refused.value.http_status == status
    client.v1.customers.create({"name": "Acme"}, ONCE)
    assert len(server.events("customer.created")) == 1


def test_anything_can_be_answered(server, client):
    server.answer(b'{"object": "list", "data": [{}], "has_more": false}', path="/v1/customers")
    assert client.v1.customers.list().data[0].to_dict() == {}
    assert client.v1.customers.list().data == []


def test_the_sdk_gets_over_a_server_that_fails_once(server, client):
    server.fail(503)
    customer = client.v1.customers.create({"name": "Acme"}, {"max_network_retries": 1})
    assert customer.name == "Acme"
    assert [request.status for request in server.requests] == [503, 200]
    assert len({request.idempotency_key for request in server.requests}) == 1


def test_an_effect_whose_answer_was_lost_is_not_repeated(server, client):
    server.reset_in_body(after=True)
    key = {"idempotency_key": "k", "max_network_retries": 0}
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create({"name": "Acme"}, key)
    assert len(server.events("customer.created")) == 1
    again = client.v1.customers.create({"name": "Acme"}, key)
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(server.events("customer.created")) == 1


def test_a_reset_before_the_effect_leaves_the_key_free(server, client):
    server.reset_in_body()
    key = {"idempotency_key": "k", "max_network_retries": 0}
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create({"name": "Acme"}, key)
    assert server.events() == []
    assert client.v1.customers.create({"name": "Acme"}, key).name == "Acme"
    assert not server.requests[-1].replayed


def test_a_500_after_the_effect_is_kept_as_stripe_keeps_it(server, client):
    server.fail(500, after=True)
    key = {"idempotency_key": "k", "max_network_retries": 0}
    for replayed in (False, True):
        with pytest.raises(stripe.APIError):
            client.v1.customers.create({"name": "Acme"}, key)
        assert server.requests[-1].replayed is replayed
    assert len(client.v1.customers.list().data) == 1


@pytest.mark.parametrize(("after", "made"), [(False, 0), (True, 1)])
def test_a_server_that_hangs_costs_the_caller_its_timeout(server, after, made):
    client = server.client(timeout=0.3)
    server.hang(60, after=after)
    began = time.monotonic()
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create({"name": "Acme"}, ONCE)
    assert time.monotonic() - began < 5
    assert len(server.events("customer.created")) == made
    assert server.requests[-1].status is None


def test_only_what_matches_is_struck_until_it_is_healed(server, client):
    server.fail(500, None, method="POST", path="/v1/customers/.*")
    customer = client.v1.customers.create({"name": "Acme"}, ONCE)
    client.v1.customers.retrieve(customer.id, options=ONCE)
    for _ in range(3):
        with pytest.raises(stripe.APIError):
            client.v1.customers.update(customer.id, {"name": "Globex"}, ONCE)
    server.heal()
    assert client.v1.customers.update(customer.id, {"name": "Globex"}, ONCE).name == "Globex"


def test_a_mistake_of_the_server_is_not_kept_quiet():
    with pytest.raises(ExceptionGroup, match="mistakes"):
        with StripeServer() as server:
            server.state.objects["customer"]["cus_broken"] = {"id": object()}
            with pytest.raises(stripe.APIError):
                server.client().v1.customers.retrieve("cus_broken", options=ONCE)
