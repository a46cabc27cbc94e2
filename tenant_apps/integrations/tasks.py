from uuid import UUID

from celery import shared_task
from django.conf import settings

from shared_apps.tenants import sweeping
from shared_apps.tenants.gate import Deed, refusal
from shared_apps.tenants.scope import active_tenant
from shared_apps.tenants.tasks import fan_out

from . import idempotency, jobs, outbox
from .models import Job


@shared_task(
    name="integrations.deliver_outbox_entry",
    autoretry_for=(Exception,),
    max_retries=3,
    default_retry_delay=60,
    deed=Deed.HOUSEKEEPING,
)
def deliver_outbox_entry(entry_id: str) -> None:
    """Deliver one entry; a failure is tried again in a minute, three times, then swept."""
    outbox.deliver(UUID(entry_id))


@shared_task(name="integrations.sweep_outbox", deed=Deed.HOUSEKEEPING)
def sweep_outbox() -> None:
    """Deliver what is due in one tenant; look again while anything waits."""
    # First: were this to die, the tenant would wait for the hourly rotation.
    waiting_jobs = refusal(active_tenant(), Deed.USER_TASK) is None
    if outbox.has_waiting() or (waiting_jobs and Job.objects.unfinished().exists()):
        sweeping.mark_for_sweep()
    outbox.sweep()
    if waiting_jobs:
        jobs.resume_silent()


@shared_task(name="integrations.sweep_outboxes", platform=True)
def sweep_outboxes() -> None:
    """Start a sweep in every tenant that was marked."""
    fan_out(sweep_outbox, sweeping.marked_tenants())


@shared_task(name="integrations.sweep_every_outbox", platform=True)
def sweep_every_outbox() -> None:
    """Start a sweep in every tenant, spread over a while."""
    fan_out(sweep_outbox, sweeping.all_tenants(), over_seconds=settings.FAN_OUT_SECONDS)


@shared_task(name="integrations.run_job")
def run_job(job_id: str) -> None:
    """Run one job of the tenant."""
    jobs.run(UUID(job_id))


@shared_task(name="integrations.sweep_answers", deed=Deed.HOUSEKEEPING)
def sweep_answers() -> None:
    """Forget one tenant's answers whose keys have expired."""
    idempotency.sweep()


@shared_task(name="integrations.sweep_every_answer", platform=True)
def sweep_every_answer() -> None:
    """Start that in every tenant, spread over a while."""
    fan_out(sweep_answers, sweeping.all_tenants(), over_seconds=settings.FAN_OUT_SECONDS)
