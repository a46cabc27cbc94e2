"""Writing what Redis counted to the database: every batch once, whoever dies meanwhile.

A batch's id is kept in the transaction that adds it. Killed before its COMMIT, the batch is taken
again; killed after it, it is taken again and adds nothing.
"""

from collections import defaultdict
from datetime import date, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from shared_apps.tenants.api_use import Batch, drop_batch, raise_totals, take_batch
from shared_apps.tenants.failpoints import failpoint

from .models import UsageBatch

# Longer than a batch can come back, from a Redis that is restored.
_KEPT = timedelta(days=7)
_ADD = """
WITH batch AS (
    INSERT INTO billing_usagebatch (id, applied_at) VALUES (%s, now())
    ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO billing_usageperiod AS kept (id, tenant_id, period, requests)
SELECT told.id, told.tenant, told.period, told.requests
FROM batch, unnest(%s::uuid[], %s::uuid[], %s::date[], %s::bigint[])
    AS told (id, tenant, period, requests)
JOIN tenants_tenant ON tenants_tenant.id = told.tenant
ORDER BY told.tenant, told.period
ON CONFLICT (tenant_id, period) DO UPDATE SET requests = kept.requests + excluded.requests
RETURNING tenant_id, period, requests
"""


def write_requests() -> None:
    """Add what was counted since the last time to its months; runs in the public scope."""
    batch = take_batch()
    if batch is None:
        return
    failpoint("usage.before_adding")
    with transaction.atomic():
        totals = _add(batch)
        failpoint("usage.before_commit")
    failpoint("usage.after_commit")
    for period, by_tenant in totals.items():
        raise_totals(f"{period:%Y-%m}", by_tenant)
    drop_batch(batch)
    UsageBatch.objects.filter(applied_at__lt=timezone.now() - _KEPT).delete()


def _add(batch: Batch) -> dict[date, dict[UUID, int]]:
    """Add a batch, unless that was done; return what the months it touches now come to."""
    rows = [
        (uuid7(), tenant, date.fromisoformat(f"{month}-01"), times)
        for (tenant, month), times in batch.requests.items()
    ]
    totals: dict[date, dict[UUID, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [batch.id, *map(list, zip(*rows, strict=True))])
        for tenant, period, requests in cursor.fetchall():
            totals[period][tenant] = requests
    return totals
