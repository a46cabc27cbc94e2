"""Stripe's events over HTTP: kept once, applied in any order, parked where they are not ours."""

import json
from datetime import timedelta
from time import monotonic

import pytest
from django.utils import timezone

from billing import inbox, reconciling
from billing import stripe_gateway as gateway
from billing.applying import compare
from billing.beginning import begin
from billing.models import (
    EventState,
    Notice,
    Reconciled,
    StripeEvent,
    Subscription,
    SubscriptionStatus,
)
from shared_apps.tenants.models import TenantStatus
from tenant_apps.users.models import User
from tests.api import PASSWORD, Admin, Api, code
from tests.billing.paying import apply_all, host_of, kept, post, send, status_of, unusable
from tests.stripe_server import WEBHOOK_SECRET

EVENTS = "/admin/billing/stripeevent/"


def test_an_event_is_kept_once_and_answered_each_time(begun, in_public, stripe):
    event = stripe.events("customer.subscription.created")[-1]
    assert [send(event).status_code for _ in range(3)] == [200, 200, 200]
    assert kept(event).state == EventState.RECEIVED
    apply_all()
    assert (kept(event).state, kept(event).customer) == (EventState.APPLIED, begun.stripe_customer)


@pytest.mark.parametrize(
    "how",
    [
        {"secret": "whsec_another"},
        {"timestamp": -301},
        {"timestamp": 301},
    ],
    ids=["secret", "too old", "ahead"],
)
def test_what_stripe_did_not_sign_now_is_refused(begun, in_public, stripe, how):
    event = stripe.events()[-1]
    if "timestamp" in how:
        how = {"timestamp": int(timezone.now().timestamp()) + how["timestamp"]}
    answer = send(event, **how)
    assert (answer.status_code, json.loads(answer.content)["errors"][0]["code"]) == (
        400,
        "bad_signature",
    )
    assert not StripeEvent.objects.filter(event_id=event["id"]).exists()


@pytest.mark.parametrize(
    "odd",
    [
        {"id": 7},
        {"id": "e" * 256},
        {"id": "evt_\0"},
        {"type": None},
        {"type": "x" * 256},
        {"created": "now"},
        {"created": 10**15},
        {"data": {"object": None}},
        {"data": 1},
        {"data": {"object": {"object": "invoice", "customer": {"id": "cus_1"}}}},
    ],
    ids=str,
)
def test_an_event_with_odd_parts_is_refused(begun, in_public, stripe, odd):
    event = stripe.events("customer.subscription.created")[-1]
    count = StripeEvent.objects.count()
    assert send({**event, **odd}).status_code == 400
    assert StripeEvent.objects.count() == count


def test_what_happened_after_a_look_is_looked_at(begun, in_public, stripe):
    stripe.give_card(begun.stripe_customer)
    compare(begun)
    stripe.advance(timedelta(days=15))
    send(stripe.events("customer.subscription.updated")[-1])
    apply_all()
    begun.refresh_from_db()
    assert begun.status == SubscriptionStatus.ACTIVE
    asked = len(stripe.requests)
    StripeEvent.objects.all().delete()
    first, *others = stripe.events("invoice.created", "invoice.paid")[-3:]
    for event in (first, *others):
        send(event)
    apply_all()
    assert len(stripe.requests) == asked + 1, "one look does for what had come before it"


def test_what_waits_is_applied_however_much_it_is(begun, in_public, stripe, monkeypatch):
    monkeypatch.setattr(inbox, "_AT_ONCE", 2)
    events = stripe.events("customer.subscription.created", "customer.created", "invoice.created")
    for number in range(5):
        send({**events[-1], "id": f"evt_many{number}"})
    apply_all()
    assert not StripeEvent.objects.filter(state=EventState.RECEIVED).exists()


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{}", b'{"object": "event", "id": 7}'])
def test_what_is_signed_and_no_event_is_refused(in_public, stripe, body):
    moment = int(timezone.now().timestamp())
    from stripe import WebhookSignature

    signature = WebhookSignature.generate_signature_header(body.decode(), WEBHOOK_SECRET, moment)
    assert post(body, **{"Stripe-Signature": signature}).status_code == 400
    assert post(body).status_code == 400


def test_what_is_not_ours_to_apply_is_parked_and_can_be_replayed(begun, in_public, stripe):
    one, two, three, four = stripe.events("customer.subscription.created")[-1:] * 4
    one, two, three = ({**one, "id": f"{one['id']}{n}"} for n in "abc")
    four = {**four, "id": f"{four['id']}d", "type": "tax.settings.updated"}
    five = json.loads(json.dumps({**four, "id": f"{four['id']}e", "type": one["type"]}))
    five["data"]["object"]["customer"] = "cus_of_nobody"
    send(one, livemode=True)
    send(two, account="acct_another")
    send(three)
    send(four)
    send(five)
    apply_all()
    why = {event["id"][-1]: kept(event).why for event in (one, two, three, four, five)}
    assert why == {
        "a": "of the other mode, live or test",
        "b": "of another account",
        "c": "",
        "d": "of an unknown type",
        "e": "no tenant has this customer",
    }
    operator = User.objects.create_operator("stripe@x.example", PASSWORD)
    page = Admin("localhost", operator)
    assert b"no tenant has this customer" in page.get(EVENTS).content
    form = {"action": "replay", "_selected_action": [str(kept(five).pk)]}
    assert page.post(EVENTS, form).status_code == 302
    assert kept(five).state == EventState.RECEIVED
    StripeEvent.objects.filter(event_id=five["id"]).update(customer=begun.stripe_customer)
    apply_all()
    assert kept(five).state == EventState.APPLIED


def test_a_thin_event_is_asked_for(begun, in_public, stripe):
    event = stripe.events("customer.subscription.created")[-1]
    assert send(event, thin=True).status_code == 200
    apply_all()
    thin = StripeEvent.objects.latest("received_at")
    assert (thin.state, thin.why, thin.customer) == ("applied", "", begun.stripe_customer)


def test_an_event_that_fails_holds_up_nobody_and_is_parked_in_the_end(begun, in_public, stripe):
    stripe.give_card(begun.stripe_customer)
    stripe.advance(timedelta(days=15))
    compare(begun)
    stripe.let_payments_fail(begun.stripe_customer)
    stripe.advance(timedelta(days=31))
    event = stripe.events("invoice.payment_failed")[-1]
    unknown = {**event, "id": f"{event['id']}_2", "type": "of.tomorrow"}
    for one in (event, unknown):
        send(one)
    with unusable(begun):
        apply_all()
        assert (kept(event).state, kept(event).attempts) == (EventState.RECEIVED, 1)
        assert kept(unknown).state == EventState.PARKED
        StripeEvent.objects.filter(pk=kept(event).pk).update(attempts=inbox.MAX_ATTEMPTS)
        apply_all()
    assert (kept(event).state, kept(event).why[:20]) == (EventState.PARKED, "it failed too often;")
    kept(event).replay()
    apply_all()
    assert kept(event).state == EventState.APPLIED
    assert status_of(begun) == TenantStatus.PAST_DUE


def test_what_never_arrived_is_found(begun, in_public, stripe):
    StripeEvent.objects.filter(customer=begun.stripe_customer).delete()
    Reconciled.objects.all().delete()
    stripe.give_card(begun.stripe_customer)
    stripe.advance(timedelta(days=15))
    [missed] = stripe.events("customer.subscription.updated")[-1:]
    assert reconciling.reconcile() > 0
    assert reconciling.reconcile() == 0
    last = [request for request in stripe.requests if request.path == "/v1/events"][-1]
    assert int(last.params["created"]["gte"]) > timezone.now().timestamp() - 7200, "not all anew"
    assert kept(missed).found_by_reconciling
    apply_all()
    begun.refresh_from_db()
    assert begun.status == SubscriptionStatus.ACTIVE


def test_any_order_any_number_of_times_is_the_servers_state(stripe, portal, in_public):
    many = []
    for _ in range(3):
        tenant = portal()
        one = Subscription.objects.select_related("tenant", "plan").get(tenant=tenant.id)
        begin(one)
        many.append(Subscription.objects.get(pk=one.pk))
    stripe.give_card(many[0].stripe_customer)
    stripe.give_card(many[1].stripe_customer, "pm_card_chargeCustomerFail")
    stripe.advance(timedelta(days=15))
    known = {one.stripe_customer for one in many}
    events = [
        event for event in stripe.events() if event["data"]["object"].get("customer") in known
    ]
    assert len(events) > 10
    for event in [*reversed(events), *events]:
        assert send(event).status_code == 200
    for _ in range(3):
        apply_all()
    states = StripeEvent.objects.filter(customer__in=known).values_list("state", flat=True)
    assert set(states) <= {EventState.APPLIED, EventState.PARKED}
    for one in many:
        one.refresh_from_db()
    assert [one.status for one in many] == ["active", "past_due", "canceled"]
    notices = Notice.objects.filter(subscription__in=many).values_list("kind", "subscription")
    assert len(set(notices)) == len(notices)


NO_ITEMS = {"id": "sub_1", "customer": "cus_1", "status": "active", "items": {"data": []}}


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list", "data": [NO_ITEMS], "has_more": False},
        {"object": "list", "data": [{"id": "sub_1"}], "has_more": False},
        {"object": "list"},
        {"object": "list", "data": [None], "has_more": False},
        [],
    ],
    ids=["no items", "nothing of it", "no data", "null", "no object"],
)
def test_an_odd_answer_is_parked_and_told_and_holds_up_nobody_else(begun, in_public, stripe, body):
    event = stripe.events("customer.subscription.created")[-1]
    send(event)
    stripe.answer(json.dumps(body).encode(), times=None, path="/v1/subscriptions")
    before = begun.status
    apply_all()
    assert (kept(event).state, kept(event).why[:11]) == (EventState.PARKED, "odd_answer:")
    begun.change(looked_at=timezone.now() - timedelta(days=2))
    reconciling.reconcile()
    owner = Api(host_of(begun)).signed_in(begun.owner_email)
    answer = owner.post("/api/billing/cancel/")
    assert (answer.status_code, code(answer)) == (503, "try_again")
    begun.refresh_from_db()
    assert begun.status == before
    stripe.heal()
    kept(event).replay()
    apply_all()
    assert kept(event).state == EventState.APPLIED


@pytest.mark.parametrize("fault", ["hang", "500", "429", "reset"])
def test_an_event_waits_while_stripe_is_away_and_is_applied_then(begun, in_public, stripe, fault):
    event = stripe.events("customer.subscription.created")[-1]
    send(event)
    match fault:
        case "hang":
            stripe.hang(60, times=None)
        case "reset":
            stripe.reset_in_body(times=None)
        case status:
            stripe.fail(int(status), times=None)
    started = monotonic()
    with pytest.raises(gateway.StripeUnavailable):
        inbox.apply(kept(event).pk)
    apply_all()
    assert monotonic() - started < 2 * 13
    assert (kept(event).state, kept(event).attempts) == (EventState.RECEIVED, 0)
    stripe.heal()
    apply_all()
    assert kept(event).state == EventState.APPLIED
