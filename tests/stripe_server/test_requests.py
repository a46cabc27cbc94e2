"""What every request has: keys, errors, parameters, lists, expanding, idempotency."""

import time
from datetime import timedelta
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import stripe

from tests.stripe_server import StripeServer


def test_a_request_without_the_secret_key_is_refused(server):
    http = stripe.RequestsClient()
    address = {"api": server.url}
    wrong = stripe.StripeClient("sk_test_other", base_addresses=address, http_client=http)
    with pytest.raises(stripe.AuthenticationError) as refused:
        wrong.v1.customers.list()
    assert refused.value.http_status == 401
    http.close()


def test_what_is_not_there_is_missing(client):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.retrieve("cus_none")
    error = refused.value
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "id")
    assert error.request_id.startswith("req_")


def test_a_parameter_that_names_nothing_is_a_400(client, prices):
    items = [{"price": prices["month"].id}]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.subscriptions.create({"customer": "cus_none", "items": items})
    error = refused.value
    assert (error.http_status, error.code, error.param) == (400, "resource_missing", "customer")


@pytest.mark.parametrize(
    ("params", "param", "code"),
    [
        ({"unit_amount": 1, "product": "pro"}, "currency", "parameter_missing"),
        ({"currency": "usd", "unit_amount": 1}, "product", "parameter_missing"),
        ({"currency": "usd", "colour": "red"}, "colour", "parameter_unknown"),
        (
            {"currency": "usd", "recurring": {"interval": "month", "color": "red"}},
            "recurring[color]",
            "parameter_unknown",
        ),
        ({"currency": "usd", "unit_amount": "much"}, "unit_amount", "parameter_invalid_integer"),
        ({"currency": "usd", "recurring": {"interval": "moon"}}, "recurring[interval]", None),
        ({"currency": "", "unit_amount": 1}, "currency", "parameter_invalid_empty"),
        ({"currency": "usd", "active": "perhaps"}, "active", None),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(client, params, param, code):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.prices.create(params)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert refused.value.code == code


def test_a_form_that_contradicts_itself_is_refused(server):
    headers = {"Authorization": f"Bearer {server.api_key}"}
    request = Request(f"{server.url}/v1/customers", b"name=a&name[first]=b", headers)
    with pytest.raises(HTTPError) as refused:
        urlopen(request)
    assert refused.value.code == 400
    refused.value.close()


def test_a_parameter_that_stripe_has_and_the_server_does_not_heed_is_no_silence(client):
    with pytest.raises(stripe.APIError, match=r"does not serve \['tax'\]") as refused:
        client.v1.customers.create({"tax": {"ip_address": "192.0.2.1"}})
    assert refused.value.http_status == 501


def test_an_unknown_url_is_a_404_of_its_own(client):
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL") as refused:
        client.v1.coupons.list()
    assert refused.value.http_status == 404


def test_lists_are_paged_newest_first(client):
    made = [client.v1.customers.create({"name": f"n{n}"}).id for n in range(5)]
    page = client.v1.customers.list({"limit": 2})
    assert [one.id for one in page.data] == made[:2:-1]
    assert page.has_more
    rest = client.v1.customers.list({"limit": 3, "starting_after": page.data[-1].id})
    assert [one.id for one in rest.data] == made[2::-1]
    assert not rest.has_more
    assert [one.id for one in client.v1.customers.list({"limit": 2}).auto_paging_iter()] == made[
        ::-1
    ]


def test_a_list_goes_forward_in_time_by_ending_before(client):
    made = [client.v1.customers.create({"name": f"n{n}"}).id for n in range(5)]
    page = client.v1.customers.list({"limit": 2, "ending_before": made[0]})
    assert [one.id for one in page.data] == [made[2], made[1]]
    assert page.has_more
    every = client.v1.customers.list({"limit": 2, "ending_before": made[0]}).auto_paging_iter()
    assert [one.id for one in every] == made[1:]


def test_a_page_has_a_limit_and_its_cursor_exists(client):
    for params in ({"limit": 101}, {"limit": 0}, {"starting_after": "cus_none"}):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.customers.list(params)
        assert refused.value.param in params


def test_objects_are_expanded_in_place_of_their_ids(client, prices, payer):
    items = [{"price": prices["month"].id}]
    plain = client.v1.subscriptions.create({"customer": payer.id, "items": items})
    assert plain.customer == payer.id
    expand = ["customer", "latest_invoice.customer", "items.data.price.product"]
    full = client.v1.subscriptions.retrieve(plain.id, {"expand": expand})
    assert full.customer.email == "owner@acme.example"
    assert full.latest_invoice.customer.id == payer.id
    assert full["items"].data[0].price.product.name == "Pro"
    listed = client.v1.subscriptions.list({"expand": ["data.customer"]})
    assert listed.data[0].customer.id == payer.id
    assert client.v1.subscriptions.retrieve(plain.id).customer == payer.id


def test_what_cannot_be_expanded_is_refused(client, payer):
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.customers.retrieve(payer.id, {"expand": ["email"]})


def test_a_repeated_key_gets_the_first_answer_again(server, client):
    key = {"idempotency_key": "tenant-7"}
    first = client.v1.customers.create({"name": "Acme"}, key)
    again = client.v1.customers.create({"name": "Acme"}, key)
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert [request.replayed for request in server.requests] == [False, True]
    assert len(server.events("customer.created")) == 1


def test_a_repeated_key_with_other_parameters_is_an_error(client):
    client.v1.customers.create({"name": "Acme"}, {"idempotency_key": "k"})
    for call in (client.v1.customers.create, client.v1.products.create):
        with pytest.raises(stripe.IdempotencyError) as refused:
            call({"name": "Globex"}, {"idempotency_key": "k"})
        assert refused.value.http_status == 400


def test_a_refusal_that_was_executed_is_kept_and_one_of_the_form_is_not(server, client, prices):
    customer = client.v1.customers.create({})
    key = {"idempotency_key": "k"}
    wanted = {"customer": customer.id, "items": [{"price": prices["month"].id}]}
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.subscriptions.create(wanted, key)
        server.give_card(customer.id)  # too late for this key
    assert server.requests[-1].replayed
    for name in ("", "Acme"):
        key = {"idempotency_key": "form"}
        if not name:
            with pytest.raises(stripe.InvalidRequestError):
                client.v1.customers.create({"naem": name}, key)
    assert client.v1.customers.create({"name": "Acme"}, key).name == "Acme"


def test_a_key_in_flight_is_a_conflict():
    with StripeServer() as server:
        client = server.client()
        server.hang(30)
        first = Thread(
            target=client.v1.customers.create, args=({"name": "Acme"}, {"idempotency_key": "k"})
        )
        first.start()
        while server.faults.pending:
            time.sleep(0.01)
        with pytest.raises(stripe.APIError) as refused:
            server.client().v1.customers.create(
                {"name": "Acme"}, {"idempotency_key": "k", "max_network_retries": 0}
            )
        assert (refused.value.http_status, refused.value.error.code) == (
            409,
            "idempotency_key_in_use",
        )
        server.heal()
        first.join()
        assert len(server.events("customer.created")) == 1


def test_a_key_is_forgotten_after_a_day(server, client):
    first = client.v1.customers.create({"name": "Acme"}, {"idempotency_key": "k"})
    server.advance(timedelta(hours=25))
    assert client.v1.customers.create({"name": "Acme"}, {"idempotency_key": "k"}).id != first.id


def test_what_came_is_recorded(server, client):
    client.v1.customers.create({"metadata": {"tenant": "7"}}, {"idempotency_key": "k"})
    request = server.requests[-1]
    assert (request.method, request.path, request.status) == ("POST", "/v1/customers", 200)
    assert request.params == {"metadata": {"tenant": "7"}}
    assert request.idempotency_key == "k"
    assert request.headers["authorization"] == f"Bearer {server.api_key}"
