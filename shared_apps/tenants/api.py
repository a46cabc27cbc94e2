"""What every endpoint's body shares: no field that is not declared."""

from collections.abc import Iterable
from typing import Any

from django.db import models
from rest_framework import serializers


class StrictFields:
    """Serializer mixin: a field that is not declared, or is read-only, is an error."""

    def to_internal_value(self, data: Any) -> Any:
        """Validate ``data``; raise a 400 that names each unknown field."""
        if isinstance(data, dict):
            writable = {name for name, field in self.fields.items() if not field.read_only}  # type: ignore[attr-defined]
            if unknown := sorted(set(data) - writable):
                raise serializers.ValidationError(
                    {
                        name: [
                            serializers.ErrorDetail(
                                "This field is read-only."
                                if name in self.fields  # type: ignore[attr-defined]
                                else "There is no such field.",
                                code="unknown_field",
                            )
                        ]
                        for name in unknown
                    }
                )
        return super().to_internal_value(data)  # type: ignore[misc]


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
