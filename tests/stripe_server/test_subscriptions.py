from datetime import timedelta

import pytest
import stripe


def item_of(subscription):
    return subscription["items"].data[0]


@pytest.fixture
def paying(client, prices, payer):
    """A subscription by month, paid."""
    return client.v1.subscriptions.create(
        {"customer": payer.id, "items": [{"price": prices["month"].id}]}
    )


def test_a_subscription_is_paid_from_its_first_day(server, client, paying):
    assert paying.status == "active"
    item = item_of(paying)
    assert 28 * 86400 <= item.current_period_end - item.current_period_start <= 31 * 86400
    invoice = client.v1.invoices.retrieve(paying.latest_invoice)
    assert (invoice.status, invoice.amount_paid, invoice.total) == ("paid", 2000, 2000)
    assert invoice.billing_reason == "subscription_create"
    assert invoice.parent.subscription_details.subscription == paying.id
    assert invoice.number
    assert invoice.hosted_invoice_url
    assert invoice.invoice_pdf
    assert {event["type"] for event in server.events()} >= {
        *("customer.subscription.created", "invoice.created", "invoice.finalized"),
        *("invoice.updated", "invoice.paid", "invoice.payment_succeeded"),
    }


@pytest.mark.parametrize(
    ("behaviour", "status"), [("default_incomplete", "incomplete"), ("allow_incomplete", None)]
)
def test_without_a_card_it_waits_or_is_refused(client, prices, behaviour, status):
    customer = client.v1.customers.create({"name": "Acme"})
    wanted = {
        "customer": customer.id,
        "items": [{"price": prices["month"].id}],
        "payment_behavior": behaviour,
    }
    if status:
        assert client.v1.subscriptions.create(wanted).status == status
        return
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        client.v1.subscriptions.create(wanted)


def test_a_first_payment_that_fails_leaves_it_incomplete_until_it_is_paid(
    server, client, prices, payer
):
    server.let_payments_fail(payer.id)
    wanted = {"customer": payer.id, "items": [{"price": prices["month"].id}]}
    subscription = client.v1.subscriptions.create(wanted)
    assert subscription.status == "incomplete"
    with pytest.raises(stripe.CardError) as refused:
        client.v1.invoices.pay(subscription.latest_invoice)
    assert refused.value.code == "card_declined"
    server.let_payments_fail(payer.id, False)
    assert client.v1.invoices.pay(subscription.latest_invoice).status == "paid"
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.pay(subscription.latest_invoice)


def test_error_if_incomplete_makes_nothing(server, client, prices, payer):
    server.let_payments_fail(payer.id)
    wanted = {"customer": payer.id, "items": [{"price": prices["month"].id}]}
    with pytest.raises(stripe.CardError):
        client.v1.subscriptions.create({**wanted, "payment_behavior": "error_if_incomplete"})
    assert client.v1.subscriptions.list({"status": "all"}).data == []
    assert client.v1.invoices.list().data == []


def test_an_incomplete_subscription_expires_within_a_day(server, client, prices, payer):
    server.let_payments_fail(payer.id)
    wanted = {"customer": payer.id, "items": [{"price": prices["month"].id}]}
    subscription = client.v1.subscriptions.create(wanted)
    server.advance(timedelta(hours=24))
    assert client.v1.subscriptions.retrieve(subscription.id).status == "incomplete_expired"


def test_a_price_that_is_not_sold_by_subscription_is_refused(client, prices, payer):
    once = client.v1.prices.create({"product": "pro", "currency": "usd", "unit_amount": 1})
    client.v1.prices.update(prices["big"].id, {"active": False})
    for price in (once, prices["big"]):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.subscriptions.create({"customer": payer.id, "items": [{"price": price.id}]})
        assert refused.value.param == "items[0][price]"


def test_subscriptions_are_listed_by_customer_and_status(client, prices, payer, paying):
    other = client.v1.customers.create({"name": "Globex"})
    wanted = {"customer": other.id, "items": [{"price": prices["month"].id}]}
    trial = client.v1.subscriptions.create({**wanted, "trial_period_days": 14})
    client.v1.subscriptions.cancel(paying.id)

    def ids(**params):
        return [one.id for one in client.v1.subscriptions.list(params).data]

    assert ids() == [trial.id]
    assert ids(status="all") == [trial.id, paying.id]
    assert ids(status="trialing") == [trial.id]
    assert ids(customer=payer.id) == []
    assert ids(customer=payer.id, status="canceled") == [paying.id]


def test_half_a_month_of_a_dearer_price_is_charged_with_the_next_invoice(
    server, client, prices, paying
):
    item = item_of(paying)
    half = (item.current_period_start + item.current_period_end) // 2
    changed = client.v1.subscriptions.update(
        paying.id,
        {"items": [{"id": item.id, "price": prices["big"].id}], "proration_date": half},
    )
    assert item_of(changed).id == item.id
    assert item_of(changed).price.id == prices["big"].id
    assert changed.latest_invoice == paying.latest_invoice
    (event,) = server.events("customer.subscription.updated")
    before = event["data"]["previous_attributes"]["items"]["data"][0]
    assert before["price"]["id"] == prices["month"].id
    pending = client.v1.invoice_items.list({"pending": True})
    assert sorted(one.amount for one in pending.data) == [-1000, 2500]
    server.advance(timedelta(days=32))
    invoice = client.v1.invoices.retrieve(
        client.v1.subscriptions.retrieve(paying.id).latest_invoice
    )
    assert sorted(line.amount for line in invoice.lines.data) == [-1000, 2500, 5000]
    assert (invoice.total, invoice.status) == (6500, "paid")
    prorated = [line.parent.subscription_item_details.proration for line in invoice.lines.data]
    assert sorted(prorated) == [False, True, True]
    assert client.v1.invoice_items.list({"pending": True}).data == []


def test_a_change_is_invoiced_at_once_or_not_prorated_when_asked(client, prices, paying):
    item = item_of(paying)
    half = (item.current_period_start + item.current_period_end) // 2
    changed = client.v1.subscriptions.update(
        paying.id,
        {
            "items": [{"id": item.id, "price": prices["big"].id}],
            "proration_date": half,
            "proration_behavior": "always_invoice",
        },
    )
    invoice = client.v1.invoices.retrieve(changed.latest_invoice)
    assert (invoice.amount_paid, invoice.billing_reason) == (1500, "subscription_update")
    changed = client.v1.subscriptions.update(
        paying.id,
        {
            "items": [{"id": item.id, "price": prices["month"].id}],
            "proration_behavior": "none",
        },
    )
    assert changed.latest_invoice == invoice.id
    assert client.v1.invoice_items.list().data == []


def test_the_credit_of_a_cheaper_price_is_used_by_the_next_invoice(server, client, prices, payer):
    wanted = {"customer": payer.id, "items": [{"price": prices["big"].id}]}
    item = item_of(subscription := client.v1.subscriptions.create(wanted))
    client.v1.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": item.id, "price": prices["month"].id}],
            "proration_behavior": "always_invoice",
            "proration_date": item.current_period_start,
        },
    )
    assert client.v1.customers.retrieve(payer.id).balance == -3000
    server.advance(timedelta(days=32))
    renewed = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    invoice = renewed.latest_invoice
    assert (invoice.total, invoice.amount_due, invoice.status) == (2000, 0, "paid")
    assert client.v1.customers.retrieve(payer.id).balance == -1000


def test_another_interval_begins_a_period_and_is_paid_at_once(client, prices, paying):
    item = item_of(paying)
    changed = client.v1.subscriptions.update(
        paying.id,
        {
            "items": [{"id": item.id, "price": prices["year"].id}],
            "proration_date": item.current_period_start,
        },
    )
    assert item_of(changed).current_period_end - item.current_period_start >= 365 * 86400
    invoice = client.v1.invoices.retrieve(changed.latest_invoice)
    assert [line.amount for line in invoice.lines.data] == [-2000, 20000]
    assert invoice.amount_paid == 18000


def test_a_preview_tells_what_the_change_will_cost_and_keeps_nothing(
    server, client, prices, paying
):
    item = item_of(paying)
    half = (item.current_period_start + item.current_period_end) // 2
    seen = len(server.events())
    for behaviour, total in (("create_prorations", 6500), ("always_invoice", 1500), ("none", 5000)):
        preview = client.v1.invoices.create_preview(
            {
                "subscription": paying.id,
                "subscription_details": {
                    "items": [{"id": item.id, "price": prices["big"].id}],
                    "proration_behavior": behaviour,
                    "proration_date": half,
                },
            }
        )
        assert (preview.total, preview.status) == (total, "draft")
    assert len(server.events()) == seen
    assert len(client.v1.invoices.list().data) == 1
    assert item_of(client.v1.subscriptions.retrieve(paying.id)).price.id == prices["month"].id
    new = client.v1.invoices.create_preview(
        {
            "customer": paying.customer,
            "subscription_details": {"items": [{"price": prices["year"].id, "quantity": 2}]},
        }
    )
    assert new.total == 40000


def test_a_trial_is_changed_without_proration(client, prices, payer):
    wanted = {"customer": payer.id, "items": [{"price": prices["month"].id}]}
    trial = client.v1.subscriptions.create({**wanted, "trial_period_days": 14})
    items = [{"id": item_of(trial).id, "price": prices["year"].id}]
    changed = client.v1.subscriptions.update(trial.id, {"items": items})
    assert (changed.status, item_of(changed).current_period_end) == ("trialing", trial.trial_end)
    assert client.v1.invoice_items.list().data == []
    ended = client.v1.subscriptions.update(trial.id, {"trial_end": "now"})
    assert ended.status == "active"
    assert client.v1.invoices.retrieve(ended.latest_invoice).amount_paid == 20000


def test_items_are_added_changed_and_deleted_by_themselves(client, prices, paying):
    added = client.v1.subscription_items.create(
        {"subscription": paying.id, "price": prices["big"].id, "proration_behavior": "none"}
    )
    client.v1.subscription_items.update(added.id, {"quantity": 3, "proration_behavior": "none"})
    listed = client.v1.subscription_items.list({"subscription": paying.id}).data
    assert {(one.price.id, one.quantity) for one in listed} == {
        (prices["month"].id, 1),
        (prices["big"].id, 3),
    }
    assert client.v1.subscription_items.delete(added.id, {"proration_behavior": "none"}).deleted
    assert len(client.v1.subscriptions.retrieve(paying.id)["items"].data) == 1
    with pytest.raises(stripe.InvalidRequestError, match="at least one"):
        client.v1.subscription_items.delete(item_of(paying).id)


def test_a_change_that_cannot_be_paid_is_refused_when_asked_so(server, client, prices, paying):
    server.let_payments_fail(paying.customer)
    item = item_of(paying)
    with pytest.raises(stripe.CardError):
        client.v1.subscriptions.update(
            paying.id,
            {
                "items": [{"id": item.id, "price": prices["year"].id}],
                "payment_behavior": "error_if_incomplete",
            },
        )
    assert item_of(client.v1.subscriptions.retrieve(paying.id)).price.id == prices["month"].id


def test_a_canceled_subscription_is_over(server, client, paying):
    gone = client.v1.subscriptions.cancel(paying.id, {"cancellation_details": {"comment": "bye"}})
    assert (gone.status, gone.cancellation_details.reason) == ("canceled", "cancellation_requested")
    assert gone.ended_at
    assert len(server.events("customer.subscription.deleted")) == 1
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.subscriptions.cancel(paying.id)
    assert refused.value.http_status == 404
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscriptions.update(paying.id, {"cancel_at_period_end": True})
    assert client.v1.subscriptions.update(paying.id, {"metadata": {"a": "1"}}).metadata["a"] == "1"
