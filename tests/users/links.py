"""Links out of mails that the outbox sends."""

import re

from django.core import mail

from tenant_apps.integrations import outbox
from tenant_apps.integrations.models import OutboxEntry


def send_last(kind: str) -> int:
    """Deliver the last outbox entry of a kind; return how many mails that sent."""
    before = len(mail.outbox)
    outbox.deliver(OutboxEntry.objects.filter(kind=kind).order_by("created_at").last().pk)
    return len(mail.outbox) - before


def mailed_link(kind: str, host: str = "acme.localhost") -> str:
    """Deliver the last outbox entry of a kind and return the path its mail leads to."""
    assert send_last(kind) == 1
    found = re.search(rf"http://{host}:8000(/\S+/\S+/)\s", mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found.group(1)


def token_of(link: str) -> str:
    """Return the token that is the last part of a link."""
    return link.rstrip("/").rpartition("/")[2]
