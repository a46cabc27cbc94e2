"""Stripe over HTTP: what is made there once, what it tells, and what becomes of it here."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from queue import SimpleQueue
from threading import Event
from time import monotonic

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from billing import dunning, inbox, reconciling, remote
from billing import stripe_gateway as gateway
from billing.applying import compare
from billing.beginning import begin
from billing.models import (
    Dunning,
    EventState,
    Notice,
    PlanPrice,
    Reconciled,
    StripeEvent,
    Subscription,
    SubscriptionStatus,
)
from billing.syncing import sync_plans
from shared_apps.plans.models import Plan
from shared_apps.tenants.models import Tenant, TenantStatus
from shared_apps.tenants.scope import no_scope, public_scope
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.users.models import User
from tests.api import PASSWORD, Admin, Api, code
from tests.billing.paying import host_of, inside, unusable
from tests.stack.running import until
from tests.stripe_server import WEBHOOK_SECRET, signed

EVENTS = "/admin/billing/stripeevent/"
WEBHOOK = "/api/stripe/webhook/"


@pytest.fixture
def public(stripe):
    with public_scope():
        yield


@pytest.fixture
def begun(subscription) -> Subscription:
    """A portal on trial at Stripe, whose customer has a card."""
    with public_scope():
        begin(subscription)
        subscription.refresh_from_db()
    return subscription


def post(body: bytes, **headers: str):
    with no_scope():
        client = Client(headers={"host": "localhost"})
        return client.post(WEBHOOK, body, content_type="application/json", headers=headers)


def send(event, **how: object):
    """Post an event as Stripe would."""
    body, headers = signed(event, how.pop("secret", WEBHOOK_SECRET), **how)
    return post(body, **headers)


def kept(event) -> StripeEvent:
    return StripeEvent.objects.get(event_id=event["id"])


def apply_all() -> None:
    inbox.apply_waiting(timedelta(0))


def status_of(subscription) -> str:
    return Tenant.objects.get(pk=subscription.tenant_id).status


def test_plans_are_pushed_once_and_a_new_price_is_another(public, stripe):
    assert PlanPrice.objects.filter(is_current=True).count() == 4, "the free plan has none"
    assert sync_plans() == []
    before = PlanPrice.objects.get(plan__code="team", interval="month", is_current=True)
    Plan.objects.filter(code="team").update(price_month=31)
    try:
        [new] = sync_plans()
    finally:
        Plan.objects.filter(code="team").update(price_month=29)
    assert (new.amount, new.stripe_price != before.stripe_price) == (31, True)
    before.refresh_from_db()
    assert not before.is_current
    found = stripe.object(new.stripe_price)
    assert (found["unit_amount"], found["lookup_key"]) == (3100, "freehold_team_month")
    [again] = sync_plans()
    assert again.amount == 29


@pytest.mark.parametrize(("currency", "units"), [("JPY", 29), ("USD", 2900), ("KWD", 29000)])
def test_an_amount_is_told_in_the_smallest_unit_of_its_currency(public, stripe, currency, units):
    team = Plan.objects.filter(code="team")
    team.update(currency=currency)
    try:
        prices = {price.interval: price for price in sync_plans()}
    finally:
        team.update(currency="EUR")
    assert stripe.object(prices["month"].stripe_price)["unit_amount"] == units
    assert remote.amount(units, currency.lower()) == team.get().price_month


def test_a_sign_up_becomes_a_customer_on_trial(begun, public, stripe):
    assert begun.status == SubscriptionStatus.TRIALING
    customer = stripe.object(begun.stripe_customer)
    assert customer["email"] == begun.owner_email
    at_stripe = stripe.object(begun.stripe_subscription)
    assert (at_stripe["customer"], at_stripe["status"]) == (customer["id"], "trialing")
    assert begun.trial_ends_at is not None
    assert abs(begun.trial_ends_at - timezone.now() - timedelta(days=14)) < timedelta(days=1)


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/subscriptions"])
def test_what_was_made_but_not_answered_is_not_made_twice(subscription, public, stripe, path):
    stripe.fail(500, times=2, method="POST", path=f"{path}$", after=True)
    with pytest.raises(gateway.StripeUnavailable):
        begin(subscription)
    stripe.heal()
    subscription.refresh_from_db()
    begin(subscription)
    begin(Subscription.objects.get(pk=subscription.pk))
    subscription.refresh_from_db()
    client = stripe.client()
    assert len(client.v1.customers.list({"email": subscription.owner_email}).data) == 1
    assert len(gateway.subscriptions_of(subscription.stripe_customer)) == 1


def test_an_event_is_kept_once_and_answered_each_time(begun, public, stripe):
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
def test_what_stripe_did_not_sign_now_is_refused(begun, public, stripe, how):
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
def test_an_event_with_odd_parts_is_refused(begun, public, stripe, odd):
    event = stripe.events("customer.subscription.created")[-1]
    count = StripeEvent.objects.count()
    assert send({**event, **odd}).status_code == 400
    assert StripeEvent.objects.count() == count


def test_what_happened_after_a_look_is_looked_at(begun, public, stripe):
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


def test_what_waits_is_applied_however_much_it_is(begun, public, stripe, monkeypatch):
    monkeypatch.setattr(inbox, "_AT_ONCE", 2)
    events = stripe.events("customer.subscription.created", "customer.created", "invoice.created")
    for number in range(5):
        send({**events[-1], "id": f"evt_many{number}"})
    apply_all()
    assert not StripeEvent.objects.filter(state=EventState.RECEIVED).exists()


def test_a_subscription_bought_after_another_went_unpaid_begins_anew(begun, public, stripe):
    dunning.payment_failed(begun)
    dunning.suspend(Subscription.objects.select_related("tenant", "plan").get(pk=begun.pk))
    client = stripe.client()
    client.v1.subscriptions.cancel(begun.stripe_subscription)
    price = PlanPrice.objects.get(plan__code="team", interval="month", is_current=True)
    stripe.give_card(begun.stripe_customer)
    client.v1.subscriptions.create(
        {"customer": begun.stripe_customer, "items": [{"price": price.stripe_price}]}
    )
    stripe.let_payments_fail(begun.stripe_customer)
    stripe.advance(timedelta(days=32))
    compare(begun)
    begun.refresh_from_db()
    assert (begun.dunning, status_of(begun)) == (Dunning.PAST_DUE, TenantStatus.PAST_DUE)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{}", b'{"object": "event", "id": 7}'])
def test_what_is_signed_and_no_event_is_refused(public, stripe, body):
    moment = int(timezone.now().timestamp())
    from stripe import WebhookSignature

    signature = WebhookSignature.generate_signature_header(body.decode(), WEBHOOK_SECRET, moment)
    assert post(body, **{"Stripe-Signature": signature}).status_code == 400
    assert post(body).status_code == 400


def test_what_is_not_ours_to_apply_is_parked_and_can_be_replayed(begun, public, stripe):
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


def test_a_thin_event_is_asked_for(begun, public, stripe):
    event = stripe.events("customer.subscription.created")[-1]
    assert send(event, thin=True).status_code == 200
    apply_all()
    thin = StripeEvent.objects.latest("received_at")
    assert (thin.state, thin.why, thin.customer) == ("applied", "", begun.stripe_customer)


def test_a_payment_that_fails_and_one_that_comes(begun, public, stripe):
    stripe.give_card(begun.stripe_customer, "pm_card_chargeCustomerFail")
    stripe.advance(timedelta(days=15))
    compare(begun)
    begun.refresh_from_db()
    assert (begun.status, begun.dunning) == (SubscriptionStatus.PAST_DUE, Dunning.PAST_DUE)
    assert status_of(begun) == TenantStatus.PAST_DUE
    stripe.give_card(begun.stripe_customer)
    stripe.pay(stripe.object(begun.stripe_subscription)["latest_invoice"])
    for _ in range(2):
        compare(begun)
    begun.refresh_from_db()
    assert (begun.status, begun.dunning) == (SubscriptionStatus.ACTIVE, Dunning.NONE)
    assert status_of(begun) == TenantStatus.ACTIVE
    kinds = Notice.objects.filter(subscription=begun).values_list("kind", flat=True)
    assert sorted(kinds) == ["paid", "payment_failed"]


def test_a_trial_without_a_card_ends_in_the_free_plan(begun, public, stripe):
    stripe.advance(timedelta(days=15))
    compare(begun)
    begun.refresh_from_db()
    assert (begun.status, begun.plan.code) == (SubscriptionStatus.CANCELED, "free")
    assert Tenant.objects.get(pk=begun.tenant_id).plan.code == "free"
    assert status_of(begun) == TenantStatus.ACTIVE


def test_stripes_reminder_of_a_trial_and_ours_are_one_mail_with_its_end(begun, public, stripe):
    stripe.advance(timedelta(days=11, hours=1))
    reminder = stripe.events("customer.subscription.trial_will_end")[-1]
    assert reminder["data"]["object"]["customer"] == begun.stripe_customer
    send(reminder)
    apply_all()
    with inside(begun):
        [entry] = OutboxEntry.objects.filter(kind="billing.notice")
    with time_machine.travel(begun.trial_ends_at - timedelta(days=2)):
        dunning.advance()
    with inside(begun):
        assert OutboxEntry.objects.filter(kind="billing.notice").count() == 1
    assert entry.payload["kind"] == "trial_ending"
    assert datetime.fromisoformat(entry.payload["until"]) == begun.trial_ends_at


def test_an_operators_suspension_is_not_undone_by_paying(begun, public, stripe):
    begun.tenant.move_to(TenantStatus.SUSPENDED)
    compare(begun)
    assert status_of(begun) == TenantStatus.SUSPENDED


def test_a_look_that_began_earlier_is_not_written_over_a_later_one(begun, public, stripe):
    found = gateway.subscriptions_of

    def slow(customer: str):
        earlier = found(customer)
        stripe.give_card(begun.stripe_customer)
        stripe.advance(timedelta(days=15))
        gateway.subscriptions_of = found
        compare(begun)
        return earlier

    gateway.subscriptions_of = slow
    try:
        compare(begun)
    finally:
        gateway.subscriptions_of = found
    begun.refresh_from_db()
    assert begun.status == SubscriptionStatus.ACTIVE


def test_a_look_that_waited_for_another_knows_what_that_one_did(begun, public, stripe):
    found, asked, go_on = gateway.subscriptions_of, Event(), Event()
    backend: SimpleQueue[tuple[int]] = SimpleQueue()

    def slow(customer: str):
        answer = found(customer)
        asked.set()
        assert go_on.wait(10)
        return answer

    def look() -> None:
        with public_scope(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backend.put(cursor.fetchone())
            compare(begun)
        connection.close()

    gateway.subscriptions_of = slow
    try:
        with ThreadPoolExecutor(1) as thread:
            looking = thread.submit(look)
            assert asked.wait(10)
            with transaction.atomic():
                dunning.payment_failed(Subscription.objects.locked(begun.pk).get())
                go_on.set()
                until(partial(is_waiting, backend.get()))
            looking.result()
    finally:
        gateway.subscriptions_of = found
    begun.refresh_from_db()
    assert (begun.dunning, status_of(begun)) == (Dunning.NONE, TenantStatus.ACTIVE)


def is_waiting(backend: tuple[int]) -> bool:
    """Tell whether it waits for what another one has locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_blocking_pids(%s) <> '{}'", backend)
        return cursor.fetchone() == (True,)


def test_an_ended_subscription_takes_nothing_from_who_has_another_plan(begun, public, stripe):
    stripe.advance(timedelta(days=15))
    assert gateway.subscriptions_of(begun.stripe_customer)[0].status == "canceled"
    business = Plan.objects.get(code="business")
    begun.change(stripe_subscription="", status=SubscriptionStatus.ACTIVE, plan=business)
    compare(begun)
    begun.refresh_from_db()
    assert (begun.plan.code, begun.stripe_subscription) == ("business", "")


def test_an_event_that_fails_holds_up_nobody_and_is_parked_in_the_end(begun, public, stripe):
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


def test_stripe_makes_a_thing_once_for_who_asks_twice(begun, public, stripe):
    nobody = json.dumps({"object": "list", "data": [], "has_more": False}).encode()
    made = set()
    for _ in range(2):
        stripe.answer(nobody, method="GET", path="/v1/customers$")
        made.add(gateway.make_customer("a-tenant", name="A", email="a@x.example"))
    assert len(made) == 1
    stripe.give_card(begun.stripe_customer)
    remote, now = gateway.subscriptions_of(begun.stripe_customer)[0], timezone.now()
    team = PlanPrice.objects.get(plan__code="team", interval="month", is_current=True)
    for _ in range(2):
        gateway.change_price(remote, team.stripe_price, now)
    assert [request.replayed for request in stripe.requests[-2:]] == [False, True]


def test_what_never_arrived_is_found(begun, public, stripe):
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


def test_any_order_any_number_of_times_is_the_servers_state(stripe, portal, public):
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
def test_an_odd_answer_is_parked_and_told_and_holds_up_nobody_else(begun, public, stripe, body):
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
def test_an_event_waits_while_stripe_is_away_and_is_applied_then(begun, public, stripe, fault):
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


def test_an_operator_gives_a_plan_that_nobody_pays_for(subscription, stripe):
    with public_scope():
        operator = User.objects.create_operator("plans@x.example", PASSWORD)
        page = Admin("localhost", operator)
        team = Plan.objects.get(code="team")
        form = {"name": "Renamed", "plan": str(team.pk), "domains-TOTAL_FORMS": "0"}
        form |= {"domains-INITIAL_FORMS": "0", "grace_until_0": "", "grace_until_1": ""}
        path = f"/admin/tenants/tenant/{subscription.tenant_id}/change/"
        assert page.post(path, form).status_code == 302
        subscription.refresh_from_db()
        assert (subscription.plan.code, subscription.tenant.plan.code) == ("team", "team")
        subscription.change(stripe_subscription="sub_x")
        business = Plan.objects.get(code="business")
        assert page.post(path, form | {"plan": str(business.pk)}).status_code == 302
        subscription.refresh_from_db()
        assert (subscription.plan.code, subscription.tenant.plan.code) == ("team", "team")
