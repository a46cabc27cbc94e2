import pytest
import stripe

WHERE = {"success_url": "https://acme.example/", "mode": "subscription"}


def test_checkout_sells_a_subscription_to_the_customer_who_came(server, client, prices, payer):
    session = client.v1.checkout.sessions.create(
        {
            **WHERE,
            "customer": payer.id,
            "client_reference_id": "tenant-7",
            "line_items": [{"price": prices["month"].id, "quantity": 1}],
            "subscription_data": {"metadata": {"tenant": "7"}},
        }
    )
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert session.url.startswith("https://")
    server.complete_checkout(session.id)
    session = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert (session.status, session.payment_status) == ("complete", "paid")
    assert session.subscription.status == "active"
    assert session.subscription.metadata["tenant"] == "7"
    assert session.subscription.default_payment_method.startswith("pm_")
    (event,) = server.events("checkout.session.completed")
    assert event["data"]["object"]["client_reference_id"] == "tenant-7"
    assert event["data"]["object"]["subscription"] == session.subscription.id
    invoice = client.v1.invoices.retrieve(session.invoice)
    assert (invoice.status, invoice.amount_paid) == ("paid", 2000)


def test_checkout_of_a_trial_takes_nothing_and_makes_the_customer(server, client, prices):
    session = client.v1.checkout.sessions.create(
        {
            **WHERE,
            "customer_email": "new@acme.example",
            "line_items": [{"price": prices["month"].id, "quantity": 1}],
            "subscription_data": {"trial_period_days": 14},
        }
    )
    done = server.complete_checkout(session.id)
    assert done["payment_status"] == "no_payment_required"
    assert client.v1.customers.retrieve(done["customer"]).email == "new@acme.example"
    subscription = client.v1.subscriptions.retrieve(done["subscription"])
    assert subscription.status == "trialing"
    assert subscription.trial_end - subscription.trial_start == 14 * 86400


def test_a_card_that_fails_buys_nothing(server, client, prices, payer):
    items = [{"price": prices["month"].id, "quantity": 1}]
    session = client.v1.checkout.sessions.create(
        {**WHERE, "customer": payer.id, "line_items": items}
    )
    server.let_payments_fail(payer.id)
    with pytest.raises(Exception, match="declined"):
        server.complete_checkout(session.id)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert client.v1.subscriptions.list({"status": "all"}).data == []


def test_a_session_is_completed_or_expired_once(server, client, prices, payer):
    items = [{"price": prices["month"].id, "quantity": 1}]
    session = client.v1.checkout.sessions.create(
        {**WHERE, "customer": payer.id, "line_items": items}
    )
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    assert len(server.events("checkout.session.expired")) == 1
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.expire(session.id)
    with pytest.raises(Exception, match="expired"):
        server.complete_checkout(session.id)


def test_the_portal_opens_for_a_customer_there_is(client, payer):
    session = client.v1.billing_portal.sessions.create(
        {"customer": payer.id, "return_url": "https://acme.example/admin/"}
    )
    assert session.url.startswith("https://")
    assert (session.customer, session.return_url) == (payer.id, "https://acme.example/admin/")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.billing_portal.sessions.create({"customer": "cus_none"})
