"""What pages and admin say of a portal that is on trial, ends or is not paid for."""

import re
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.utils import timezone
from django.utils.formats import date_format

from billing import dunning
from billing.models import SubscriptionStatus
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.scope import public_scope
from tenant_apps.users.models import User
from tests.api import PASSWORD, Admin, Api, count_queries
from tests.billing.paying import again, host_of, inside

READ_ONLY = "This portal is read-only for now: nothing can be changed or ordered."
LINK = "Plan and billing"


@pytest.fixture
def people(subscription):
    """Return who looks at a portal's pages, by name."""
    host = host_of(subscription)
    with inside(subscription):
        User.objects.create_member("admin@x.example", PASSWORD, role="admin")
        User.objects.create_member("buyer@x.example", PASSWORD, role="customer")
        found = {
            name: Admin(host, User.objects.get(email=email))
            for name, email in (
                ("owner", subscription.owner_email),
                ("admin", "admin@x.example"),
                ("buyer", "buyer@x.example"),
            )
        }
    return found | {"visitor": Api(host)}


def banner(who, path: str = "/") -> str:
    """Return what stands above a page."""
    domain_map.clear()
    answer = who.get(path)
    assert answer.status_code == 200
    page = answer.content.decode()
    found = re.findall(r'<p class="(?:banner"|container)[^>]*role="status"[^>]*>(.*?)</p>', page)
    # Nobody here has confirmed their address.
    told = [text for text in found if "confirm your e-mail" not in text]
    return " ".join(re.sub(r"<[^>]+>", "", text) for text in told)


def said(moment) -> str:
    return date_format(moment, "DATETIME_FORMAT")


def falls_past_due(subscription):
    """Return until when everything works."""
    with public_scope():
        dunning.payment_failed(again(subscription))
    return again(subscription).tenant.grace_until


def end_grace(subscription):
    """Return since when nothing can be changed: logins do not last as long as a grace."""
    until = timezone.now() - timedelta(hours=1)
    with public_scope():
        again(subscription).tenant.change(grace_until=until)
    return until


@pytest.mark.parametrize("path", ["/", "/admin/", "/admin/products/product/"])
def test_the_owner_is_told_what_comes_and_where_to_pay(subscription, people, path):
    owner = people["owner"]
    assert banner(owner, path) == ""
    until = falls_past_due(subscription)
    assert banner(owner, path) == (
        f"A payment failed: everything works until {said(until)}, then this portal is read-only."
        f" {LINK}"
    )
    assert f'href="/admin/billing/">{LINK}' in owner.get(path).content.decode()
    until = end_grace(subscription)
    assert banner(owner, path) == (
        f"A payment failed: since {said(until)} this portal is read-only; on"
        f" {said(until + dunning.READ_ONLY)} it is suspended. {LINK}"
    )


def test_nobody_else_hears_of_money(subscription, people):
    falls_past_due(subscription)
    others = [("admin", "/admin/"), ("admin", "/"), ("buyer", "/"), ("visitor", "/")]
    assert [banner(people[name], path) for name, path in others] == ["", "", "", ""]
    end_grace(subscription)
    assert [banner(people[name], path) for name, path in others] == [READ_ONLY] * 4


def test_a_trial_is_told_of_in_its_last_three_days(subscription, people):
    ends = timezone.now() + timedelta(days=10)
    with public_scope():
        again(subscription).change(status=SubscriptionStatus.TRIALING, trial_ends_at=ends)
    assert banner(people["owner"]) == ""
    with time_machine.travel(ends - timedelta(days=2)):
        assert banner(people["owner"]) == f"On {said(ends)} the trial ends. {LINK}"
        assert banner(people["admin"]) == banner(people["visitor"]) == ""
        with public_scope():
            again(subscription).change(status=SubscriptionStatus.ACTIVE)
        assert banner(people["owner"]) == ""


def test_the_end_of_what_was_cancelled_is_told(paying, people):
    owner = people["owner"]
    owner.post("/admin/billing/cancel/", {})
    ends = again(paying).period_ends_at
    assert banner(owner) == (
        f"The subscription ends on {said(ends)}; then this portal goes on with the free plan."
        f" {LINK}"
    )
    assert banner(people["admin"]) == banner(people["visitor"]) == ""
    owner.post("/admin/billing/resume/", {})
    assert banner(owner) == ""


def test_the_page_about_paying_says_it_once(subscription, people):
    falls_past_due(subscription)
    domain_map.clear()
    page = people["owner"].get("/admin/billing/").content.decode()
    assert page.count("A payment failed") == 1


def test_what_pages_say_costs_no_query(subscription, people):
    for name, path in (("visitor", "/"), ("buyer", "/"), ("owner", "/admin/")):
        look = partial(people[name].get, path)
        before = [count_queries(look) for _ in range(2)][-1]
        falls_past_due(subscription)
        domain_map.clear()
        assert [count_queries(look) for _ in range(2)][-1] == before, name
        with public_scope():
            dunning.paid(again(subscription))
        domain_map.clear()
