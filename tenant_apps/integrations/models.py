from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7


class OutboxQuerySet(models.QuerySet["OutboxEntry"]):
    def due(self) -> "OutboxQuerySet":
        """Entries that wait to be delivered, or to be tried again."""
        return self.filter(done_at=None, due_at__lte=timezone.now())


class OutboxEntry(models.Model):
    """Something that must happen after a commit, written in the same transaction.

    ``kind`` names a deliverer (``outbox.DELIVERERS``), ``payload`` its arguments.
    """

    MAX_ATTEMPTS = 8

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=50)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    done_at = models.DateTimeField(null=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        verbose_name_plural = _("outbox entries")
        indexes = [
            models.Index(fields=["due_at"], name="outbox_waiting", condition=models.Q(done_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    def mark_done(self) -> None:
        """Note that the effect has happened."""
        type(self).objects.filter(pk=self.pk).update(done_at=Now(), last_error="")

    def mark_failed(self, error: Exception) -> None:
        """Note a failure and when to try again: after 1, 2, 4 ... minutes, then never."""
        attempts = self.attempts + 1
        delay = timedelta(minutes=2**self.attempts)
        type(self).objects.filter(pk=self.pk).update(
            attempts=attempts,
            last_error=f"{type(error).__name__}: {error}"[:2000],
            due_at=timezone.now() + delay if attempts < self.MAX_ATTEMPTS else FAR_FUTURE,
        )


FAR_FUTURE = datetime(9999, 1, 1, tzinfo=UTC)


class JobStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


# A running job that has written nothing for so long has lost its worker.
SILENCE = timedelta(minutes=1)


class JobLost(RuntimeError):
    """A worker came back to a job that another one has taken over."""


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        """Jobs that wait or run."""
        return self.filter(status__in=[JobStatus.QUEUED, JobStatus.RUNNING])

    def visible_to(self, user: Any) -> "JobQuerySet":
        """Jobs that ``user`` may follow: all with the permission, else those they asked for."""
        return self if user.has_perm("integrations.view_job") else self.filter(created_by=user.pk)

    def silent(self) -> "JobQuerySet":
        """Unfinished jobs whose worker seems to be gone."""
        return self.unfinished().filter(touched_at__lt=timezone.now() - SILENCE)


class Job(models.Model):
    """A long piece of work somebody asked for, with its input, progress and outcome."""

    MAX_ATTEMPTS = 3

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("kind"), max_length=30)
    status = models.CharField(
        _("status"), max_length=8, choices=JobStatus, default=JobStatus.QUEUED
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="jobs",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    touched_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    # What is told of it is told in the language of whoever asked for it.
    language = models.CharField(max_length=5, default="en", db_default="en", editable=False)
    filename = models.CharField(_("filename"), max_length=200, blank=True)
    # Kept in the tenant's schema until the job ends: nothing acknowledged lies on one
    # machine's disk, and no neighbour's role can read it.
    content = models.BinaryField(null=True)
    rows_total = models.PositiveIntegerField(_("rows total"), default=0)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0)
    created = models.PositiveIntegerField(_("created"), default=0)
    updated = models.PositiveIntegerField(_("updated"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    refusals = models.JSONField(
        _("refusals"), default=list, help_text="The first refused rows: line and reason."
    )
    error = models.TextField(_("error"), blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.filename

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in (JobStatus.DONE, JobStatus.FAILED)

    def start(self) -> bool:
        """Take the job for one more attempt; False if it has ended or a live worker has it.

        A job that runs without a sign of life is taken over: its worker died. Jobs are
        idempotent; after ``MAX_ATTEMPTS`` it has failed.
        """
        free = models.Q(status=JobStatus.QUEUED) | models.Q(
            status=JobStatus.RUNNING, touched_at__lt=timezone.now() - SILENCE
        )
        mine = type(self).objects.filter(free, pk=self.pk, attempts=self.attempts)
        if self.attempts >= self.MAX_ATTEMPTS:
            mine.update(**self._ended(str(_("It was given up after several attempts."))))
            return False
        taken = mine.update(
            status=JobStatus.RUNNING, touched_at=Now(), attempts=models.F("attempts") + 1
        )
        self.attempts += taken
        return bool(taken)

    def report(self, **counts: Any) -> None:
        """Write progress, which is the job's sign of life.

        Raises:
            JobLost: another worker has taken the job over.

        """
        self._write(touched_at=Now(), **counts)

    def finish(self, *, error: str = "", **counts: Any) -> None:
        """End the job, with an error if it failed, and drop its input.

        Raises:
            JobLost: as :meth:`report`.

        """
        self._write(**self._ended(error), **counts)

    def _ended(self, error: str) -> dict[str, Any]:
        return {
            "status": JobStatus.FAILED if error else JobStatus.DONE,
            "error": error,
            "content": None,
            "finished_at": Now(),
        }

    def _write(self, **values: Any) -> None:
        mine = type(self).objects.filter(
            pk=self.pk, status=JobStatus.RUNNING, attempts=self.attempts
        )
        if not mine.update(**values):
            raise JobLost(f"Job {self.pk} is another worker's now.")


# How long a key stands for its first answer.
KEPT = timedelta(hours=24)


class KeptAnswer(models.Model):
    """The first answer to a person's request with an idempotency key."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="+",
        db_index=False,  # the constraint's index serves it
    )
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField(blank=True)
    location = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key

    @property
    def is_expired(self) -> bool:
        """Whether its key is as good as new."""
        return self.created_at <= timezone.now() - KEPT
