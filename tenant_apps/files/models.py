import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from shared_apps.tenants.plan_limits import Limited, LimitedQuerySet

from .pictures import Picture

# What a crash may leave behind is removed when it is this old; nothing takes that long.
LEFT_BEHIND = timedelta(days=1)

_THIS = models.OuterRef("pk")


def random_name(instance: "StoredFile", filename: str) -> str:
    """Return a name that nobody can guess and that says nothing of the file."""
    return secrets.token_hex(16)


class StoredFileQuerySet(LimitedQuerySet["StoredFile"]):
    def store(self, given: Picture, *, user: Any = None) -> "StoredFile":
        """Keep what is ``given``.

        The content is written before the row: a crash in between leaves nothing reachable, and
        the sweep removes it.

        Raises:
            LimitReached: the plan has no room for it; nothing is kept.

        """
        stored = self.model(
            name=given.name, content_type=given.content_type, size=len(given.content)
        )
        stored.created_by_id = getattr(user, "pk", None)
        stored.content.save(given.name, ContentFile(given.content), save=False)
        try:
            stored.save(force_insert=True)
        except BaseException:
            default_storage.delete(str(stored.content.name))
            raise
        return stored

    def left_behind(self) -> "StoredFileQuerySet":
        """Files that nothing refers to, and nobody can still be working on."""
        left = self.filter(created_at__lt=Now() - LEFT_BEHIND)
        for field in self.model._meta.get_fields(include_hidden=True):
            if isinstance(field, models.ForeignObjectRel):
                users = field.related_model._base_manager.all()
                left = left.exclude(models.Exists(users.filter(**{field.field.name: _THIS})))
        return left


class StoredFile(Limited):
    """A file of the tenant; the row is what makes it reachable, its content never changes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120, help_text="As the person who saves it sees it.")
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField(help_text="Bytes.")
    content = models.FileField(upload_to=random_name, max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        db_index=False,  # users are deactivated, not deleted
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StoredFileQuerySet.as_manager()

    limit = "storage_bytes"
    summed = "size"
    limited_by = frozenset({"size"})

    def __str__(self) -> str:
        return self.name

    def remove(self) -> None:
        """Delete the row, and after the commit the content."""
        name = str(self.content.name)
        self.delete()
        transaction.on_commit(lambda: default_storage.delete(name), robust=True)
