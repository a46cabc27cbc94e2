"""The outbox: what was promised by a commit happens, once as far as one can tell."""

import time
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from shared_apps.tenants import sweeping
from shared_apps.tenants.scope import active_tenant
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.orders.models import Order
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Product
from tenant_apps.users.models import User


@pytest.fixture
def order(acme) -> Order:
    product = Product.objects.create(name="Lamp & <Co>", slug="lamp", price="9.50", stock=3)
    return place_order(user=User.objects.get(email="owner@acme.example"), items=[(product.pk, 2)])


def entry() -> OutboxEntry:
    return OutboxEntry.objects.get(kind="orders.confirmation")


def test_an_order_leaves_an_entry_and_a_mark_for_the_sweeper(order):
    assert entry().payload == {"order": str(order.pk)}
    assert active_tenant().id in sweeping.marked_tenants()


def test_the_confirmation_names_the_right_tenant_in_text_and_html(order):
    outbox.deliver(entry().pk)
    [message] = mail.outbox
    assert message.subject == "Order 1001 confirmed - Acme"
    assert message.to == ["owner@acme.example"]
    html = message.alternatives[0].content
    for body in (message.body, html):
        assert "Acme" in body
        assert "http://acme.localhost:8000/" in body
        assert "19.00 EUR" in body
    assert "Lamp & <Co>" in message.body
    assert "Lamp &amp; &lt;Co&gt;" in html
    assert str(entry().pk) in message.extra_headers["Message-ID"]
    assert entry().done_at is not None


def test_an_entry_is_delivered_once(order):
    for _ in range(3):
        outbox.deliver(entry().pk)
    assert len(mail.outbox) == 1


def test_an_order_that_is_gone_needs_no_mail_and_no_retry(order):
    order.items.all().delete()
    order.delete()
    outbox.deliver(entry().pk)
    assert mail.outbox == []
    assert entry().done_at is not None


def test_a_failure_is_kept_and_tried_again_later(order, settings):
    settings.OUTBOX_DELIVERERS = {"orders.confirmation": "tests.integrations.test_outbox.fail"}
    with pytest.raises(RuntimeError):
        outbox.deliver(entry().pk)
    failed = entry()
    assert (failed.attempts, failed.last_error) == (1, "RuntimeError: no mail today")
    assert timedelta(seconds=50) < failed.due_at - timezone.now() < timedelta(seconds=70)
    outbox.deliver(failed.pk)
    assert entry().attempts == 1, "not due yet"


def fail(entry: OutboxEntry) -> None:
    raise RuntimeError("no mail today")


def test_an_entry_given_up_stays_visible_and_is_not_swept(order, settings):
    settings.OUTBOX_DELIVERERS = {"orders.confirmation": "tests.integrations.test_outbox.fail"}
    OutboxEntry.objects.exclude(kind="orders.confirmation").delete()
    for _ in range(OutboxEntry.MAX_ATTEMPTS):
        OutboxEntry.objects.filter(attempts__lt=OutboxEntry.MAX_ATTEMPTS).update(
            due_at=timezone.now()
        )
        assert outbox.sweep() == 1
    assert outbox.sweep() == 0
    assert not outbox.has_waiting()
    assert (entry().attempts, entry().done_at) == (OutboxEntry.MAX_ATTEMPTS, None)


def test_the_sweeper_delivers_what_a_dead_process_left(order):
    OutboxEntry.objects.update(due_at=timezone.now())
    assert outbox.sweep() >= 1
    assert "Order 1001 confirmed - Acme" in [message.subject for message in mail.outbox]


def test_while_one_worker_is_at_an_entry_another_leaves_it_alone(order):
    OutboxEntry.objects.update(due_at=timezone.now() + outbox.LEASE)
    outbox.deliver(entry().pk)
    assert mail.outbox == []


@pytest.fixture
def no_broker(settings):
    """Point everything at a port where nothing listens."""
    settings.BROKER_URL = "redis://127.0.0.1:1/0"


def test_without_redis_an_order_is_still_placed_and_at_once(acme, no_broker):
    product = Product.objects.create(name="Lamp", slug="lamp", price=1, stock=1)
    started = time.monotonic()
    place_order(user=User.objects.get(email="owner@acme.example"), items=[(product.pk, 1)])
    assert time.monotonic() - started < 2
    assert entry().done_at is None


def test_a_sweep_ends_after_its_time_and_leaves_the_rest(order):
    OutboxEntry.objects.update(due_at=timezone.now())
    assert outbox.sweep(seconds=-1) == 0
    assert outbox.has_waiting()
