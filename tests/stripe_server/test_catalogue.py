import pytest
import stripe


def test_a_product_may_be_named_by_its_maker_once(client):
    assert client.v1.products.create({"id": "pro", "name": "Pro"}).id == "pro"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.products.create({"id": "pro", "name": "Pro"})
    assert refused.value.code == "resource_already_exists"


def test_a_change_is_told_with_what_was_before(server, client):
    client.v1.products.create({"id": "pro", "name": "Pro", "metadata": {"a": "1", "b": "2"}})
    changed = client.v1.products.update("pro", {"name": "Business", "metadata": {"a": ""}})
    assert changed.metadata.to_dict() == {"b": "2"}
    (event,) = server.events("product.updated")
    previous = event["data"]["previous_attributes"]
    assert previous["name"] == "Pro"
    assert previous["metadata"] == {"a": "1"}
    assert event["data"]["object"]["name"] == "Business"
    assert event["api_version"] == stripe.api_version
    assert event["livemode"] is False
    assert "account" not in event


def test_prices_are_found_by_lookup_key_product_and_activity(client, prices):
    found = client.v1.prices.list({"lookup_keys": ["year", "month"]})
    assert {price.id for price in found.data} == {prices["year"].id, prices["month"].id}
    client.v1.prices.update(prices["big"].id, {"active": False})
    active = client.v1.prices.list({"product": "pro", "active": True})
    assert {price.lookup_key for price in active.data} == {"month", "year"}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.prices.list({"product": "none"})


def test_a_lookup_key_is_of_one_price_and_moves_when_told(server, client, prices):
    new = {"product": "pro", "currency": "usd", "unit_amount": 2500, "lookup_key": "month"}
    recurring = {"interval": "month"}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.prices.create({**new, "recurring": recurring})
    assert refused.value.param == "lookup_key"
    price = client.v1.prices.create({**new, "recurring": recurring, "transfer_lookup_key": True})
    assert [one.id for one in client.v1.prices.list({"lookup_keys": ["month"]}).data] == [price.id]
    assert server.object(prices["month"].id)["lookup_key"] is None


def test_an_address_of_a_card_is_no_default_until_it_is_made_one(server, client):
    customer = client.v1.customers.create({"email": "a@acme.example"})
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    listed = client.v1.payment_methods.list({"customer": customer.id})
    assert [one.id for one in listed.data] == [card.id]
    assert listed.data[0].card.last4 == "4242"
    assert client.v1.customers.retrieve(customer.id).invoice_settings.default_payment_method is None
    settings = {"default_payment_method": card.id}
    changed = client.v1.customers.update(customer.id, {"invoice_settings": settings})
    assert changed.invoice_settings.default_payment_method == card.id
    client.v1.payment_methods.detach(card.id)
    assert client.v1.customers.retrieve(customer.id).invoice_settings.default_payment_method is None


def test_a_declined_card_is_a_card_error(client, payer):
    with pytest.raises(stripe.CardError) as refused:
        client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": payer.id})
    assert (refused.value.http_status, refused.value.code) == (402, "card_declined")


def test_a_deleted_customer_says_so_and_its_subscriptions_end(server, client, prices, payer):
    items = [{"price": prices["month"].id}]
    subscription = client.v1.subscriptions.create({"customer": payer.id, "items": items})
    assert client.v1.customers.delete(payer.id).deleted
    assert client.v1.customers.retrieve(payer.id).deleted
    assert client.v1.customers.list().data == []
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.update(payer.id, {"name": "Acme"})
    assert [event["type"] for event in server.events()][-1] == "customer.deleted"
