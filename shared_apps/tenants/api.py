"""What every endpoint's body shares: no field that is not declared, nothing of another type."""

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

# What JSON calls a field's value, where that is not a text; what stands first counts.
_TYPES: tuple[tuple[Any, tuple[type, ...], str], ...] = (
    (serializers.BooleanField, (bool,), "true or false"),
    (serializers.IntegerField, (int, float), "a number"),
    (serializers.DecimalField, (str, int, float), "a text or a number"),
    (serializers.ListField, (list,), "a list"),
    (serializers.MultipleChoiceField, (list,), "a list"),
    (serializers.ManyRelatedField, (list,), "a list"),
    (serializers.BaseSerializer, (dict,), "an object"),
    (serializers.JSONField, (object,), "a value"),
    (serializers.FileField, (object,), "a file"),
    (serializers.Field, (str,), "a text"),
)


class StrictFields:
    """Serializer mixin: nothing is guessed.

    A field that is not declared or is read-only is an error, and so is a value of another type
    than the field's, which the framework would turn into it ("5" for 5, 5 for "5"). A text is as
    long as it was sent: what is trimmed counts.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Validate ``data``; raise a 400 that names each field that is unknown or of no use."""
        if isinstance(data, dict):
            fields: dict[str, Any] = self.fields  # type: ignore[attr-defined]
            is_form = isinstance(data, MultiValueDict)
            errors = {
                name: why
                for name, value in data.items()
                if (why := _why_not(fields.get(name), value, is_form=is_form))
            }
            if errors:
                raise serializers.ValidationError(errors)
        return super().to_internal_value(data)  # type: ignore[misc]


def _why_not(field: Any, value: Any, *, is_form: bool = False) -> Any:
    """Return why ``value`` cannot be the field's, as DRF nests it; the field itself asks further.

    None, or nothing, if it can.
    """
    if field is None:
        return [ErrorDetail("There is no such field.", code="unknown_field")]
    if field.read_only:
        return [ErrorDetail("This field is read-only.", code="unknown_field")]
    if value is None or is_form:
        return None
    if value == "" and isinstance(field, serializers.RelatedField):
        return [ErrorDetail("This is no id; null means none.", code="wrong_type")]
    types, called = next(row[1:] for row in _TYPES if isinstance(field, row[0]))
    if not isinstance(value, types) or (isinstance(value, bool) and types[0] not in (bool, object)):
        return [ErrorDetail(f"This must be {called}.", code="wrong_type")]
    if isinstance(field, serializers.ListField):
        items: list[Any] = list(value)  # type: ignore[call-overload]  # its type stands in the table
        each = {number: _why_not(field.child, item) for number, item in enumerate(items)}
        return {number: why for number, why in each.items() if why}
    longest = getattr(field, "max_length", None)
    if isinstance(value, str) and longest is not None and len(value) > longest:
        return [
            ErrorDetail(
                _("At most %(longest)s characters.") % {"longest": longest}, code="max_length"
            )
        ]
    return None


class StrictSerializer(StrictFields, serializers.Serializer[Any]):
    """A plain serializer that refuses unknown fields."""


class StrictModelSerializer(StrictFields, serializers.ModelSerializer[Any]):
    """A model serializer that refuses unknown fields and writes only those it was given.

    Between the read and the write lies the caller's body, for as long as they like: whatever
    else changed in the row meanwhile (stock, a deactivation, a new password) must stay.
    """

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """Write ``validated_data`` and the time of the change, and nothing else."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save(update_fields=narrow_fields(instance, validated_data))
        return instance


def narrow_fields(instance: models.Model, changed: Iterable[str]) -> list[str]:
    """Return ``changed`` and the fields that hold the time of the last change."""
    stamps = [f.name for f in instance._meta.concrete_fields if getattr(f, "auto_now", False)]
    return [*changed, *stamps]
