"""Jobs: accepted with their input in one transaction, run by a worker, any number of times."""

from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import OperationalError
from django.utils import translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from tenant_apps.history.acting import acting_as

from . import outbox
from .models import Job, JobLost, OutboxEntry

log = structlog.get_logger(__name__)


class JobFailed(Exception):
    """A job cannot be done; the message is for the person who asked for it."""


def accept(*, kind: str, user: Any, filename: str, content: bytes) -> Job:
    """Keep a job and hand it to a worker after the commit; call it inside ``atomic()``."""
    job = Job.objects.create(
        kind=kind,
        created_by=user,
        filename=filename[:200],
        content=content,
        language=translation.get_language(),
    )
    outbox.enqueue("integrations.run_job", {"job": str(job.pk)})
    return job


def dispatch(entry: OutboxEntry) -> None:
    """Deliver an outbox entry of a job: give it to a worker."""
    from .tasks import run_job

    run_job.delay(entry.payload["job"])


def run(job_id: UUID) -> None:
    """Run a job to its end; one that has ended already is left alone."""
    job = Job.objects.filter(pk=job_id).first()
    if job is not None:
        with translation.override(job.language):
            _run(job)


def _run(job: Job) -> None:
    if not job.start():
        return
    try:
        with acting_as(job.created_by):
            import_string(settings.JOB_RUNNERS[job.kind])(job)
    except JobFailed as error:
        job.finish(error=str(error))
    except (OperationalError, JobLost):
        # A deadlock, a lost connection: it stays as it is and is resumed after a silence. Or
        # another worker has done that already.
        log.warning("job_interrupted", job=str(job.pk), exc_info=True)
    except Exception:
        # Whoever asked for the job must see that it ended; the cause is in the log.
        log.exception("job_failed", job=str(job.pk))
        job.finish(error=_("Something went wrong on our side; nothing more was changed."))
        raise


def resume_silent() -> None:
    """Give jobs whose worker died to another one."""
    from .tasks import run_job

    for job_id in Job.objects.silent().values_list("pk", flat=True):
        run_job.delay(str(job_id))
