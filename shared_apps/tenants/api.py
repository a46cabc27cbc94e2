"""What every endpoint's body shares: no field that is not declared."""

from typing import Any

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
    """A model serializer that refuses unknown fields."""
