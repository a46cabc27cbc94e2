"""A portal that is not paid for, a step at a time, by a clock that moves."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.formats import date_format

from billing import dunning
from billing.models import Dunning, Notice, Subscription, SubscriptionStatus
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.models import TenantStatus
from shared_apps.tenants.scope import no_scope, public_scope, tenant_scope
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry
from tests.api import Api
from tests.billing.paying import again, unusable

GRACE, READ_ONLY, SUSPENDED = timedelta(days=14), dunning.READ_ONLY, dunning.SUSPENDED


@pytest.fixture
def ours(portal) -> Subscription:
    tenant = portal()
    with public_scope():
        yield Subscription.objects.select_related("tenant", "plan").get(tenant=tenant.id)


def answers(ours: Subscription) -> tuple[int, int]:
    """Return what reading and writing are answered with now."""
    host = again(ours).tenant.primary_host()
    with no_scope():
        domain_map.clear()
        api = Api(host)
        return api.get("/api/products/").status_code, api.post("/api/products/", {}).status_code


def mails(ours: Subscription) -> list[str]:
    """Deliver what the portal's outbox has; return the subjects."""
    with tenant_scope(again(ours).tenant.snapshot()):
        for pk in OutboxEntry.objects.filter(kind="billing.notice").values_list("pk", flat=True):
            outbox.deliver(pk)
    return [message.subject.partition(" - ")[0] for message in mail.outbox]


def moment(when) -> str:
    """Return how a mail writes a moment."""
    return date_format(when, "DATETIME_FORMAT")


def test_the_whole_way_and_each_mail_once(ours):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(2):
            dunning.payment_failed(again(ours))
        assert answers(ours)[1] != 402, "everything works in grace"
        dunning.advance()
        assert mails(ours) == ["A payment failed"]
        clock.shift(GRACE + timedelta(hours=1))
        for _ in range(2):
            dunning.advance()
        assert answers(ours)[1] == 402
        assert answers(ours)[0] != 402
        clock.shift(READ_ONLY - timedelta(hours=2))
        dunning.advance()
        assert again(ours).dunning == Dunning.PAST_DUE
        clock.shift(timedelta(hours=2))
        for _ in range(2):
            dunning.advance()
        assert again(ours).tenant.status == TenantStatus.SUSPENDED
        assert answers(ours) == (403, 403)
        clock.shift(SUSPENDED - timedelta(hours=1))
        dunning.advance()
        assert again(ours).dunning == Dunning.SUSPENDED
        clock.shift(timedelta(hours=2))
        for _ in range(2):
            dunning.advance()
        assert again(ours).tenant.status == TenantStatus.CLOSING
        told = [
            *("A payment failed", "Your portal is read-only"),
            *("Your portal is suspended", "Your portal is being closed"),
        ]
        assert mails(ours) == told
        assert mails(ours) == told
        assert {address for message in mail.outbox for address in message.to} == {ours.owner_email}


def test_each_mail_tells_what_happens_next_and_where_to_pay(ours):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        dunning.payment_failed(again(ours))
        until = again(ours).tenant.grace_until
        clock.move_to(until + timedelta(hours=1))
        dunning.advance()
        clock.shift(READ_ONLY)
        dunning.advance()
        suspended = timezone.now()
        clock.shift(SUSPENDED + timedelta(hours=1))
        dunning.advance()
        closing = timezone.now()
        mails(ours)
    failed, read_only, stopped, last = (message.body for message in mail.outbox)
    assert f"Everything works until {moment(until)};" in failed
    assert f"On {moment(until + READ_ONLY)} it is suspended." in read_only
    assert f"On {moment(suspended + SUSPENDED)} its closing begins;" in stopped
    assert f"On {moment(closing + dunning.CLOSING)} it is closed" in last
    page = f"http://{again(ours).tenant.primary_host()}:8000/admin/billing/"
    assert [page in message.body for message in mail.outbox] == [True] * 4


def test_who_is_read_only_again_is_told_again(ours):
    for _ in range(2):
        dunning.payment_failed(again(ours))
        with time_machine.travel(timezone.now() + GRACE + timedelta(hours=1)):
            dunning.advance()
        dunning.paid(again(ours))
        # Of before what failed next, not of the days ahead.
        told = Notice.objects.filter(subscription=ours, kind="read_only")
        told.update(sent_at=timezone.now())
    assert told.count() == 2


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_paying_undoes_each_step(ours, steps):
    for step in (dunning.payment_failed, dunning.suspend, dunning.close)[:steps]:
        step(again(ours))
    dunning.paid(again(ours))
    paid = again(ours)
    assert (paid.dunning, paid.tenant.status) == (Dunning.NONE, TenantStatus.ACTIVE)
    assert paid.tenant.grace_until is None
    assert answers(ours)[1] not in (402, 403)
    assert mails(ours)[-1] == "Your portal is paid for"
    dunning.payment_failed(again(ours))
    assert Notice.objects.filter(subscription=ours, kind="payment_failed").count() == 2


def test_what_an_operator_did_is_not_undone_by_paying(ours):
    dunning.payment_failed(ours)
    ours.tenant.move_to(TenantStatus.SUSPENDED)
    dunning.paid(again(ours))
    assert again(ours).tenant.status == TenantStatus.SUSPENDED
    assert "Your portal is paid for" not in mails(ours)


def test_a_portal_that_an_operator_opened_again_is_left_open(ours):
    for step in (dunning.payment_failed, dunning.suspend):
        step(again(ours))
    again(ours).tenant.move_to(TenantStatus.ACTIVE)
    with time_machine.travel(timezone.now() + SUSPENDED + timedelta(hours=1)):
        dunning.advance()
    assert again(ours).tenant.status == TenantStatus.ACTIVE


def test_a_portal_that_an_operator_opened_again_has_another_grace(ours):
    for step in (dunning.payment_failed, dunning.suspend):
        step(again(ours))
    again(ours).tenant.move_to(TenantStatus.ACTIVE)
    dunning.suspend(again(ours))
    assert again(ours).tenant.status == TenantStatus.ACTIVE, "it was opened knowing that"
    dunning.payment_failed(again(ours))
    begun = again(ours)
    assert (begun.dunning, begun.tenant.status) == (Dunning.PAST_DUE, TenantStatus.PAST_DUE)
    assert begun.tenant.grace_until > timezone.now() + GRACE - timedelta(minutes=1)


def test_of_many_workers_one_takes_each_step(ours):
    dunning.payment_failed(again(ours))
    at_once = 6
    barrier = Barrier(at_once)

    def work() -> None:
        with public_scope():
            barrier.wait(10)
            dunning.advance()
        connection.close()

    waits = (GRACE + timedelta(hours=1), READ_ONLY, SUSPENDED + timedelta(hours=1))
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for wait in waits:
            clock.shift(wait)
            with ThreadPoolExecutor(at_once) as threads:
                for done in [threads.submit(work) for _ in range(at_once)]:
                    done.result()
        assert again(ours).tenant.status == TenantStatus.CLOSING
    kinds = Notice.objects.filter(subscription=ours).order_by("sent_at")
    told = [*kinds.values_list("kind", flat=True)]
    assert told == ["payment_failed", "read_only", "suspended", "closing"]
    with tenant_scope(again(ours).tenant.snapshot()):
        assert OutboxEntry.objects.filter(kind="billing.notice").count() == len(told)


def test_a_trial_is_told_of_before_it_ends_and_then_is_the_free_plan(ours):
    ends = timezone.now() + timedelta(days=14)
    ours.change(status=SubscriptionStatus.TRIALING, trial_ends_at=ends)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        clock.shift(timedelta(days=10, hours=23))
        dunning.advance()
        assert mails(ours) == []
        clock.shift(timedelta(hours=2))
        for _ in range(2):
            dunning.advance()
        assert mails(ours) == ["Your trial is ending"]
        assert f"On {moment(ends)} it ends." in mail.outbox[-1].body
        assert again(ours).tenant.plan.code == "business"
        clock.shift(timedelta(days=3))
        dunning.advance()
    assert again(ours).tenant.plan.code == again(ours).plan.code == "free"
    assert again(ours).status == SubscriptionStatus.ACTIVE


def test_a_neighbour_is_left_alone(ours, portal):
    neighbour = portal()
    dunning.payment_failed(ours)
    with time_machine.travel(timezone.now() + GRACE + READ_ONLY + timedelta(hours=1)):
        dunning.advance()
        theirs = Subscription.objects.select_related("tenant").get(tenant=neighbour.id)
        assert again(ours).tenant.status == TenantStatus.SUSPENDED
        assert (theirs.dunning, theirs.tenant.status) == (Dunning.NONE, TenantStatus.ACTIVE)


def on_trial(subscription: Subscription) -> Subscription:
    ends = timezone.now() + timedelta(days=2)
    subscription.change(status=SubscriptionStatus.TRIALING, trial_ends_at=ends)
    return subscription


def test_one_portals_trouble_holds_up_nobody_else(ours, portal):
    neighbour = Subscription.objects.select_related("tenant").get(tenant=portal().id)
    for one in (ours, neighbour):
        on_trial(one)
    with unusable(ours):
        dunning.advance()
        assert mails(neighbour) == ["Your trial is ending"]
        mail.outbox.clear()
    dunning.advance()
    assert mails(ours) == ["Your trial is ending"]


def test_a_closed_portal_is_told_nothing(ours):
    tenant = on_trial(ours).tenant
    tenant.change(status=TenantStatus.CLOSED)
    dunning.advance()
    assert not Notice.objects.filter(subscription=ours).exists()
    tenant.change(status=TenantStatus.ACTIVE)  # or another test's job drops it


def test_who_was_told_is_not_locked_again(ours):
    on_trial(ours)
    for locks in (1, 0):
        with CaptureQueriesContext(connection) as queries:
            dunning.advance()
        locking = [query["sql"] for query in queries if "FOR NO KEY UPDATE" in query["sql"]]
        assert sum(str(ours.pk) in query or ours.pk.hex in query for query in locking) == locks
