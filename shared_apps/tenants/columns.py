"""Rows as JSON without instances: of the columns alone that a serializer shows."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from django.db import models
from rest_framework import serializers

from .fast_reads import shower

# Shown as they are: the renderer knows how to write them.
_AS_IT_IS: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], Any], ...] = (
    (serializers.CharField, (models.CharField, models.TextField)),
    (serializers.IntegerField, models.IntegerField),
    (serializers.BooleanField, models.BooleanField),
    (serializers.UUIDField, models.UUIDField),
    (serializers.JSONField, models.JSONField),
    (serializers.PrimaryKeyRelatedField, models.ForeignKey),
)


class Columns:
    """The columns that a serializer shows of a row (``paths``, as querysets name them), and how.

    For serializers each of whose fields is a column's, or an annotation's. ``asked`` says which
    fields are shown; None: all.
    """

    def __init__(
        self,
        kind: type[serializers.ModelSerializer[Any]],
        asked: frozenset[str] | None = None,
    ) -> None:
        readable: Any = kind()._readable_fields
        fields = [one for one in readable if asked is None or one.field_name in asked]
        self.paths = tuple("__".join(field.source_attrs) for field in fields)
        self._shown = [(one.field_name, _shower(one, _column(kind, one))) for one in fields]

    def show(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return what a row is shown as whose first values are those of the columns."""
        return {
            name: value if show is None or value is None else show(value)
            for (name, show), value in zip(self._shown, row, strict=False)
        }


# Not more: callers choose what is asked.
columns_of = lru_cache(maxsize=256)(Columns)


def _column(kind: Any, field: Any) -> Any:
    """Return the model's field that is shown; None for an annotation."""
    model: Any = kind.Meta.model
    column: Any = None
    for name in field.source_attrs:
        column = next((one for one in model._meta.fields if name in (one.name, one.attname)), None)
        model = column and column.related_model
    return column


def _shower(field: Any, column: Any) -> Callable[[Any], Any] | None:
    """Return what shows a value that the database gave; None: it is shown as it is."""
    way = type(field).to_representation
    if any(way is shows.to_representation and isinstance(column, of) for shows, of in _AS_IT_IS):
        return None
    is_rounded = isinstance(column, models.DecimalField) and (
        column.decimal_places == field.decimal_places
    )
    if is_rounded and way is serializers.DecimalField.to_representation:
        return "{:f}".format
    return shower(field)
