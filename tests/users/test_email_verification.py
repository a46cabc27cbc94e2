"""Confirming an address by a link that is bound to person, address and tenant."""

import re

import pytest
import time_machine
from django.core import mail
from django.db import transaction

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry
from tenant_apps.users.email_verification import confirm, request_confirmation
from tenant_apps.users.links import LinkInvalid
from tenant_apps.users.models import User
from tests.api import Api


@pytest.fixture
def link(acme) -> str:
    with transaction.atomic():
        request_confirmation(User.objects.get(email="owner@acme.example"))
    outbox.deliver(OutboxEntry.objects.filter(kind="users.confirm_email").last().pk)
    found = re.search(r"http://acme\.localhost:8000(/confirm-email/\S+/)", mail.outbox[-1].body)
    assert found
    return found.group(1)


def is_confirmed() -> bool:
    return User.objects.get(email="owner@acme.example").email_verified_at is not None


def test_the_link_confirms_the_address_and_may_be_opened_again(link, anonymous):
    for _ in range(2):
        page = anonymous.get(link)
        assert page.status_code == 200
        assert b"owner@acme.example is confirmed" in page.content
    assert is_confirmed()


def test_a_changed_link_is_refused(link, anonymous):
    for broken in (link[:-3] + "xx/", "/confirm-email/nonsense/"):
        assert anonymous.get(broken).status_code == 404
    assert not is_confirmed()


def test_a_link_of_another_portal_is_refused(link, globex):
    assert Api(globex.primary_host).get(link).status_code == 404
    with tenant_scope(globex), pytest.raises(LinkInvalid):
        confirm(link.split("/")[2])


def test_a_link_to_an_address_since_changed_is_refused(link, anonymous):
    User.objects.filter(email="owner@acme.example").update(email="new@acme.example")
    assert anonymous.get(link).status_code == 404


def test_a_link_works_for_three_days(link, anonymous):
    with time_machine.travel("2099-01-01"):
        assert anonymous.get(link).status_code == 404


def test_the_banner_reminds_until_then(link, anonymous, acme):
    anonymous.client.force_login(
        User.objects.get(email="owner@acme.example"), "django.contrib.auth.backends.ModelBackend"
    )
    assert b"Please confirm your e-mail address" in anonymous.get("/").content
    anonymous.get(link)
    assert b"Please confirm your e-mail address" not in anonymous.get("/").content
