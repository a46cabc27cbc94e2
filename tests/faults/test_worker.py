"""kill -9 of a worker's process in the middle of a task: redelivered, and one effect."""

import os

import psutil

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.integrations.models import SILENCE, Job, JobStatus
from tenant_apps.integrations.tasks import run_job, sweep_outbox
from tenant_apps.products.catalogue_import import accept_import
from tenant_apps.products.models import Product
from tests.stack.running import until, worker

ROWS = 12_000


def catalogue() -> bytes:
    head = "Handle,Title,Published,Variant Inventory Qty,Variant Price"
    return "\n".join([head, *(f"h{n},T{n},true,1,5" for n in range(ROWS)), ""]).encode()


def children_of(running) -> set[int]:
    return {child.pid for child in psutil.Process(running.pid).children()}


def test_an_import_whose_process_is_killed_is_redelivered_and_done_once(portal, tmp_path):
    tenant, log = portal(), tmp_path / "log"
    with tenant_scope(tenant):
        job = accept_import(user=None, filename="big.csv", content=catalogue())
        Product.objects.create(name="T3", slug="h3", price=1, stock=7)
        rows_done = lambda: Job.objects.get(pk=job.pk).rows_done  # noqa: E731
        with worker(log) as running:
            run_job.delay(str(job.pk))
            until(rows_done, 30, "the first batch")
            # Two processes, one at the job: whichever it is, it dies.
            killed = children_of(running)
            for pid in killed:
                os.kill(pid, 9)
            assert 0 < rows_done() < ROWS
            taken = f"Task integrations.run_job[{task_of(log)}] received"
            until(lambda: log.read_text().count(taken) == 2, 60, "the redelivery")
            until(lambda: children_of(running) - killed, 20, "new processes")
            assert Job.objects.get().status == JobStatus.RUNNING
            # What time would do: the job's silence is noticed, and the sweeper resumes it.
            Job.objects.update(touched_at=job.created_at - SILENCE)
            sweep_outbox.delay()
            until(lambda: Job.objects.get().status == JobStatus.DONE, 40, "the end")
        job.refresh_from_db()
        assert (job.attempts, job.rows_done, job.refused) == (2, ROWS, 0)
        assert Product.objects.count() == ROWS
        assert Product.objects.filter(stock=1).count() == ROWS


def task_of(log) -> str:
    """Return the id of the one import that the log tells of."""
    return str(log.read_text().split("integrations.run_job[")[1].split("]")[0])
