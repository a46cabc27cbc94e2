"""What time does: trials, renewals, retries, ends."""

from datetime import UTC, datetime, timedelta

import pytest
import stripe
import time_machine

from tests.stripe_server import periods

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def trial(client, prices, payer):
    return client.v1.subscriptions.create(
        {
            "customer": payer.id,
            "items": [{"price": prices["month"].id}],
            "trial_period_days": 14,
        }
    )


@pytest.fixture
def paying(client, prices, payer):
    return client.v1.subscriptions.create(
        {"customer": payer.id, "items": [{"price": prices["month"].id}]}
    )


def status_of(client, subscription):
    return client.v1.subscriptions.retrieve(subscription.id).status


def invoice_of(client, subscription):
    expand = {"expand": ["latest_invoice"]}
    return client.v1.subscriptions.retrieve(subscription.id, expand).latest_invoice


def test_a_trial_costs_nothing_warns_in_time_and_is_then_paid(server, client, trial):
    assert (trial.status, invoice_of(client, trial).total) == ("trialing", 0)
    server.advance(10 * DAY)
    assert server.events("customer.subscription.trial_will_end") == []
    server.advance(2 * DAY)
    assert len(server.events("customer.subscription.trial_will_end")) == 1
    server.advance(2 * DAY + timedelta(minutes=1))
    assert (status_of(client, trial), invoice_of(client, trial).status) == ("active", "draft")
    server.advance(HOUR)
    assert (status_of(client, trial), invoice_of(client, trial).amount_paid) == ("active", 2000)
    assert len(server.events("customer.subscription.trial_will_end")) == 1


def test_a_short_trial_warns_at_once(server, client, prices, payer):
    wanted = {"customer": payer.id, "items": [{"price": prices["month"].id}]}
    client.v1.subscriptions.create({**wanted, "trial_end": server.now + 3600})
    server.advance(timedelta(seconds=1))
    assert len(server.events("customer.subscription.trial_will_end")) == 1


def test_a_trial_that_cannot_be_paid_is_past_due(server, client, payer, trial):
    server.let_payments_fail(payer.id)
    server.advance(14 * DAY + 2 * HOUR)
    assert status_of(client, trial) == "past_due"
    invoice = invoice_of(client, trial)
    assert (invoice.status, invoice.attempt_count) == ("open", 1)
    assert invoice.next_payment_attempt > server.now
    assert client.v1.customers.retrieve(payer.id).delinquent
    (event,) = server.events("invoice.payment_failed")
    assert event["data"]["object"]["id"] == invoice.id
    moved = [
        event["data"]["previous_attributes"]["status"]
        for event in server.events("customer.subscription.updated")
        if "status" in event["data"]["previous_attributes"]
    ]
    assert moved == ["trialing", "active"]


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("create_invoice", "past_due"), ("cancel", "canceled"), ("pause", "paused")],
)
def test_a_trial_without_a_card_ends_as_its_settings_say(server, client, prices, behaviour, status):
    customer = client.v1.customers.create({"name": "Acme"})
    trial = client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": prices["month"].id}],
            "trial_period_days": 14,
            "trial_settings": {"end_behavior": {"missing_payment_method": behaviour}},
        }
    )
    server.advance(14 * DAY + 2 * HOUR)
    assert status_of(client, trial) == status


def test_a_paused_subscription_resumes_with_a_card(server, client, prices):
    customer = client.v1.customers.create({"name": "Acme"})
    trial = client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": prices["month"].id}],
            "trial_period_days": 14,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
        }
    )
    server.advance(30 * DAY)
    assert len(server.events("customer.subscription.paused")) == 1
    with pytest.raises(stripe.CardError):
        client.v1.subscriptions.resume(trial.id, {"billing_cycle_anchor": {"type": "now"}})
    server.give_card(customer.id)
    assert client.v1.subscriptions.resume(trial.id).status == "active"
    assert invoice_of(client, trial).amount_paid == 2000
    assert len(server.events("customer.subscription.resumed")) == 1
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscriptions.resume(trial.id)


def test_renewals_go_on_month_by_month(server, client, paying):
    server.advance(366 * DAY)
    invoices = list(client.v1.invoices.list({"subscription": paying.id}).auto_paging_iter())
    assert len(invoices) == 13
    assert {invoice.status for invoice in invoices} == {"paid"}
    assert len({invoice.number for invoice in invoices}) == 13
    ends = [invoice.lines.data[0].period.end for invoice in invoices]
    starts = [invoice.lines.data[0].period.start for invoice in invoices]
    assert ends[1:] == starts[:-1]


def test_a_failed_renewal_is_retried_and_paid(server, client, payer, paying):
    server.let_payments_fail(payer.id)
    server.advance(32 * DAY)
    assert status_of(client, paying) == "past_due"
    server.let_payments_fail(payer.id, False)
    server.advance(4 * DAY)
    assert status_of(client, paying) == "active"
    invoice = invoice_of(client, paying)
    assert (invoice.status, invoice.attempt_count) == ("paid", 2)
    assert not client.v1.customers.retrieve(payer.id).delinquent


def test_the_customer_pays_the_open_invoice_by_another_card(server, client, payer, paying):
    server.let_payments_fail(payer.id)
    server.advance(32 * DAY)
    assert server.pay(invoice_of(client, paying).id)["status"] == "paid"
    assert status_of(client, paying) == "active"
    server.advance(10 * DAY)
    assert len(server.events("invoice.payment_failed")) == 1


@pytest.mark.parametrize("final", ["canceled", "unpaid", "past_due"])
def test_after_the_last_retry_it_ends_as_chosen(server, client, payer, paying, final):
    server.after_retries(final)
    server.let_payments_fail(payer.id)
    server.advance(45 * DAY)
    assert status_of(client, paying) == "past_due"
    server.advance(2 * DAY)
    assert status_of(client, paying) == final
    attempts = [
        event["data"]["object"]["attempt_count"]
        for event in server.events("invoice.payment_failed")
    ]
    assert attempts == [1, 2, 3, 4]
    ended = server.events("customer.subscription.deleted")
    assert len(ended) == (final == "canceled")
    if ended:
        details = ended[0]["data"]["object"]["cancellation_details"]
        assert details["reason"] == "payment_failed"


def test_an_unpaid_subscription_is_drafted_but_not_charged(server, client, payer, paying):
    server.after_retries("unpaid")
    server.let_payments_fail(payer.id)
    server.advance(70 * DAY)
    invoice = invoice_of(client, paying)
    assert (invoice.status, invoice.auto_advance) == ("draft", False)


def test_cancel_at_period_end_ends_then_and_can_be_taken_back(server, client, paying):
    item = paying["items"].data[0]
    leaving = client.v1.subscriptions.update(paying.id, {"cancel_at_period_end": True})
    assert (leaving.status, leaving.cancel_at) == ("active", item.current_period_end)
    staying = client.v1.subscriptions.update(paying.id, {"cancel_at_period_end": False})
    assert (staying.cancel_at, staying.canceled_at) == (None, None)
    server.advance(32 * DAY)
    assert status_of(client, paying) == "active"
    client.v1.subscriptions.update(paying.id, {"cancel_at_period_end": True})
    server.advance(32 * DAY)
    assert status_of(client, paying) == "canceled"
    assert len(server.events("customer.subscription.deleted")) == 1
    assert len(client.v1.invoices.list({"subscription": paying.id}).data) == 2


def test_a_subscription_may_be_for_one_period_from_the_start(server, client, prices, payer):
    wanted = {"customer": payer.id, "items": [{"price": prices["month"].id}]}
    once = client.v1.subscriptions.create({**wanted, "cancel_at_period_end": True})
    assert once.cancel_at == once["items"].data[0].current_period_end
    (event,) = server.events("customer.subscription.created")
    assert event["data"]["object"]["cancel_at"] == once.cancel_at
    server.advance(32 * DAY)
    assert status_of(client, once) == "canceled"


def test_a_subscription_ends_on_the_day_that_was_set(server, client, paying):
    client.v1.subscriptions.update(paying.id, {"cancel_at": server.now + 5 * 86400})
    server.advance(4 * DAY)
    assert status_of(client, paying) == "active"
    server.advance(2 * DAY)
    assert status_of(client, paying) == "canceled"


def test_an_open_checkout_session_expires_in_a_day(server, client, prices):
    session = client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "success_url": "https://acme.example/",
            "line_items": [{"price": prices["month"].id, "quantity": 1}],
        }
    )
    server.advance(25 * HOUR)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_the_31st_falls_on_the_last_day_of_a_shorter_month():
    anchor = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp())
    month = {"interval": "month", "interval_count": 1}
    ends = [periods.after(anchor, month, n) for n in range(1, 4)]
    days = [datetime.fromtimestamp(end, UTC).day for end in ends]
    assert days == [28, 31, 30]
    leap = int(datetime(2028, 2, 29, tzinfo=UTC).timestamp())
    end = periods.after(leap, {"interval": "year", "interval_count": 1})
    assert datetime.fromtimestamp(end, UTC) == datetime(2029, 2, 28, tzinfo=UTC)


def test_the_servers_time_goes_its_own_way(server):
    began = server.now
    with time_machine.travel(datetime(2040, 1, 1, tzinfo=UTC)):
        assert server.now - began < 5
    server.advance(DAY)
    assert 0 <= server.now - began - 86400 < 5
