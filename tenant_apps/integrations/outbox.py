"""The transactional outbox: what must happen after a commit is a row of that commit.

``enqueue`` writes the row, marks the tenant for the sweeper and, on commit, sends the task. If
the process dies in between, the sweeper finds the row: at once through the mark, within an hour
without it. Delivery is at least once; deliverers carry the entry's id outside so that a second
one can be told.
"""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from shared_apps.tenants.failpoints import failpoint
from shared_apps.tenants.sweeping import mark_for_sweep

from .models import OutboxEntry

log = structlog.get_logger(__name__)

# How long a deliverer has before another worker may try the same entry.
LEASE = timedelta(minutes=2)


def enqueue(kind: str, payload: dict[str, Any]) -> OutboxEntry:
    """Write an entry in the caller's transaction and deliver it after the commit.

    ``kind`` is one of ``settings.OUTBOX_DELIVERERS``; ``payload`` must be plain JSON.
    """
    # Due a little later for the sweeper: the task sent on commit has the first try.
    entry = OutboxEntry.objects.create(
        kind=kind, payload=payload, due_at=timezone.now() + timedelta(seconds=15)
    )
    mark_for_sweep()
    transaction.on_commit(lambda: _dispatch(entry.pk), robust=True)
    return entry


def _dispatch(entry_id: UUID) -> None:
    from .tasks import deliver_outbox_entry

    failpoint("outbox.before_dispatch")
    deliver_outbox_entry.delay(str(entry_id))


def deliver(entry_id: UUID) -> None:
    """Deliver one entry, unless it is done or another worker is at it.

    Raises:
        Exception: whatever the deliverer raised; noted on the entry, which is tried again.

    """
    now = timezone.now()
    mine = OutboxEntry.objects.filter(
        pk=entry_id, done_at=None, due_at__lte=now + timedelta(seconds=30)
    ).update(due_at=now + LEASE)
    if not mine:
        return
    entry = OutboxEntry.objects.get(pk=entry_id)
    try:
        import_string(settings.OUTBOX_DELIVERERS[entry.kind])(entry)
    except Exception as error:
        entry.mark_failed(error)
        raise
    failpoint("outbox.before_done")
    entry.mark_done()


def sweep(seconds: float = 60) -> int:
    """Deliver entries of this tenant that are due, for so long; return how many were tried."""
    deadline = time.monotonic() + seconds
    due = list(OutboxEntry.objects.due().order_by("due_at").values_list("pk", flat=True)[:500])
    tried = 0
    for entry_id in due:
        if time.monotonic() > deadline:
            break
        tried += 1
        try:
            deliver(entry_id)
        except Exception:
            # One entry's failure is noted on it and must not hold up the others.
            log.exception("outbox_delivery_failed", entry=str(entry_id))
    return tried


def has_waiting() -> bool:
    """Tell whether anything waits that the sweeper must come back for."""
    return OutboxEntry.objects.filter(done_at=None, attempts__lt=OutboxEntry.MAX_ATTEMPTS).exists()
