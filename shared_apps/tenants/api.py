"""What every endpoint shares: strict bodies, pages by cursor, a stable ordering."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import filters, serializers
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


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


class CursorPages(CursorPagination):
    """Pages by cursor, 20 rows each, at most 100: ``{"next", "previous", "results"}``."""

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering = "-created_at"

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with links to its neighbours."""
        return Response(
            {"next": self.get_next_link(), "previous": self.get_previous_link(), "results": data}
        )


class StableOrdering(filters.OrderingFilter):
    """``?ordering=``, with the id as the tie-breaker that a cursor needs."""

    def get_ordering(self, request: Request, queryset: "QuerySet[Any]", view: APIView) -> list[str]:
        """Return the declared ordering asked for, or the view's default, then the id."""
        fields = list(super().get_ordering(request, queryset, view) or [])
        if not any(field.lstrip("-") in ("id", "pk") for field in fields):
            fields.append("-id" if fields and fields[0].startswith("-") else "id")
        return fields
