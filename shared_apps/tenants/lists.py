"""What every list shares: pages by cursor, declared parameters only, a stable ordering."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from rest_framework import exceptions, filters
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

MAX_SEARCH = 200


def refuse(parameter: str, message: str) -> exceptions.ValidationError:
    """Return the 400 that names a query parameter."""
    return exceptions.ValidationError({parameter: [message]}, code="invalid_parameter")


class CursorPages(CursorPagination):
    """Pages by cursor, 20 rows each, at most 100: ``{"next", "previous", "results"}``."""

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering = "-created_at"

    def get_page_size(self, request: Request) -> int:
        """Return the size asked for.

        Raises:
            ValidationError: it is not a number from 1 to 100.

        """
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        is_number = asked.isascii() and asked.isdigit() and len(asked) <= 3
        if not is_number or not 1 <= int(asked) <= self.max_page_size:
            raise refuse("page_size", f"A page has 1 to {self.max_page_size} rows.")
        return int(asked)

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """Return the page that the cursor names; a cursor that nobody gave out is a 404."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, ValueError, DataError) as error:
            raise exceptions.NotFound(self.invalid_cursor_message) from error

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with links to its neighbours."""
        return Response(
            {"next": self.get_next_link(), "previous": self.get_previous_link(), "results": data}
        )


class DeclaredParameters(filters.BaseFilterBackend):
    """Refuse a query parameter that the list does not declare: a typing error is no filter."""

    def filter_queryset(
        self, request: Request, queryset: "QuerySet[Any]", view: APIView
    ) -> "QuerySet[Any]":
        """Return ``queryset`` as it is, or raise a 400 that names the unknown parameter."""
        for name in request.query_params:
            if name not in self._declared(view):
                raise refuse(name, "There is no such parameter.")
        return queryset

    def _declared(self, view: Any) -> set[str]:
        declared = {"page_size", "cursor"} if view.paginator else set()
        if getattr(view, "search_fields", None):
            declared.add("search")
        if getattr(view, "ordering_fields", None):
            declared.add("ordering")
        if (filterset := getattr(view, "filterset_class", None)) is not None:
            declared.update(filterset.base_filters)
        declared.update(getattr(view, "filterset_fields", None) or ())
        return declared


class Search(filters.SearchFilter):
    """``?search=``, of a sensible length."""

    def get_search_terms(self, request: Request) -> Any:
        """Return the terms; raise a 400 if they are too long."""
        if len(request.query_params.get(self.search_param, "")) > MAX_SEARCH:
            raise refuse("search", f"At most {MAX_SEARCH} characters.")
        return super().get_search_terms(request)


class StableOrdering(filters.OrderingFilter):
    """``?ordering=`` by declared fields, with the id as the tie-breaker that a cursor needs."""

    def remove_invalid_fields(
        self, queryset: "QuerySet[Any]", fields: Iterable[str], view: APIView, request: Request
    ) -> list[str]:
        """Return ``fields``; raise a 400 if one is not declared."""
        asked = list(fields)
        valid = super().remove_invalid_fields(queryset, asked, view, request)
        if len(valid) != len(asked):
            allowed = ", ".join(str(name) for name in getattr(view, "ordering_fields", ()))
            raise refuse("ordering", f"Order by one of: {allowed}; with - in front, descending.")
        return list(valid)

    def get_ordering(self, request: Request, queryset: "QuerySet[Any]", view: APIView) -> list[str]:
        """Return the declared ordering asked for, or the view's default, then the id."""
        fields = list(super().get_ordering(request, queryset, view) or [])
        if not any(field.lstrip("-") in ("id", "pk") for field in fields):
            fields.append("-id" if fields and fields[0].startswith("-") else "id")
        return fields
