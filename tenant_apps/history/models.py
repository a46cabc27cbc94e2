import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from auditlog.models import AbstractLogEntry, LogEntryManager
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from shared_apps.tenants import scope

from .acting import acting_person

# What the library hands over and the table has no column for.
_NOT_KEPT = ("object_id", "serialized_data")


class ChangeManager(LogEntryManager):
    """Makes entries in tenants alone: operators and migrations have no history."""

    def create(self, **values: Any) -> Any:
        """Write an entry with who is acting; None outside a tenant."""
        active = scope.current()
        if active is None or active.kind != "tenant":
            return None
        person = acting_person()
        if person is not None:
            values = {"actor_id": person.pk, "actor_email": person.email} | values
        kept = {name: value for name, value in values.items() if name not in _NOT_KEPT}
        return super().create(**kept)

    def of(self, instance: models.Model) -> Any:
        """Return the history of one object, the latest first."""
        kind = ContentType.objects.get_for_model(instance)
        return self.filter(content_type=kind, object_pk=str(instance.pk))


class FieldChange(NamedTuple):
    """One field of an entry, as a person reads it."""

    field: str
    old: str
    new: str


class Change(AbstractLogEntry):
    """What happened to one object: who, when, and of each field the old value and the new.

    The library's entry, in a table of our own: of its seven indexes one is asked for here.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Content types and people are never deleted: no index has to find their entries.
    content_type = models.ForeignKey(
        ContentType, models.CASCADE, related_name="+", db_index=False, verbose_name=_("kind")
    )
    object_pk = models.CharField(_("object pk"), max_length=255)
    action = models.PositiveSmallIntegerField(_("action"), choices=AbstractLogEntry.Action.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("who"),
    )
    cid = models.CharField(_("request"), max_length=255, null=True, blank=True)  # noqa: DJ001  # as the library writes it
    timestamp = models.DateTimeField(_("when"), auto_now_add=True)

    # Of the library's columns these are not used.
    object_id = serialized_data = changes_text = None
    additional_data = remote_addr = remote_port = None

    objects = ChangeManager()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        # Ids are made in the order of time.
        ordering = ["-id"]
        get_latest_by = "id"
        default_permissions = ("view",)
        indexes = [models.Index(fields=["content_type", "object_pk", "-id"], name="change_of")]

    @property
    def kind(self) -> ContentType:
        """What kind of object it is; of the cache, a row of the history asks no query."""
        return ContentType.objects.get_for_id(self.content_type_id)

    def fields(self) -> Iterator[FieldChange]:
        """Yield what changed, by the fields' names; of relations what was taken and given."""
        for name, change in sorted((self.changes or {}).items()):
            field = self._field(name)
            if isinstance(change, dict):
                objects = ", ".join(change["objects"])
                old, new = ("", objects) if change["operation"] == "add" else (objects, "")
            else:
                old, new = (_text(value, field) for value in change)
            if old != new:
                label = getattr(field, "verbose_name", name.replace("_", " "))
                yield FieldChange(str(label), old, new)

    def _field(self, name: str) -> Any:
        model = self.kind.model_class()
        try:
            return model and model._meta.get_field(name)
        except FieldDoesNotExist:
            return None


def _text(value: Any, field: Any) -> str:
    if getattr(field, "choices", None):
        value = str(dict(field.flatchoices).get(value, value or ""))
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
