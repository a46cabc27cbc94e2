"""What every list shares: pages by cursor, declared parameters only, a stable ordering."""

import re
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
NO_NUL = r"^[^\x00]*$"


def refuse(
    parameter: str, message: str, code: str = "invalid_parameter"
) -> exceptions.ValidationError:
    """Return the 400 that names a query parameter."""
    return exceptions.ValidationError({parameter: [message]}, code=code)


def parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    """Describe an optional query parameter, a text unless ``schema`` says otherwise."""
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "string"} | schema,
    }


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

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the page for the OpenAPI document."""
        link = {"type": ["string", "null"], "format": "uri"}
        page = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(page), "properties": page}

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Describe the parameters for the OpenAPI document."""
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size}
        return [
            parameter("cursor", "A page, as `next` and `previous` name it.", pattern=NO_NUL),
            parameter("page_size", "Rows a page.", **size, default=self.page_size),
        ]


class DeclaredParameters(filters.BaseFilterBackend):
    """Refuse a query parameter that the list does not declare, or a filter of nothing.

    A typing error is no filter, and neither is a value that got lost on the way. What begins with
    the view's ``declared_elsewhere`` is left to the filter that knows what is declared.
    """

    def filter_queryset(
        self, request: Request, queryset: "QuerySet[Any]", view: APIView
    ) -> "QuerySet[Any]":
        """Return ``queryset`` as it is, or raise a 400 that names the parameter."""
        narrowing = self._filters(view)
        declared = self._declared(view) | narrowing
        elsewhere = getattr(view, "declared_elsewhere", None)
        for name in request.query_params:
            if elsewhere and name.startswith(elsewhere):
                continue
            if name not in declared:
                raise refuse(name, "There is no such parameter.")
            if name in narrowing and "" in request.query_params.getlist(name):
                raise refuse(name, "Leave the parameter out instead of sending nothing.")
        return queryset

    def _filters(self, view: Any) -> set[str]:
        filterset = getattr(view, "filterset_class", None)
        return {*(filterset.base_filters if filterset else getattr(view, "filterset_fields", ()))}

    def _declared(self, view: Any) -> set[str]:
        declared = {"page_size", "cursor"} if view.paginator else set()
        if getattr(view, "search_fields", None):
            declared.add("search")
        if getattr(view, "ordering_fields", None):
            declared.add("ordering")
        return declared


class Search(filters.SearchFilter):
    """``?search=``, of a sensible length."""

    description = ""

    def get_search_terms(self, request: Request) -> Any:
        """Return the terms; raise a 400 if they are too long."""
        if len(request.query_params.get(self.search_param, "")) > MAX_SEARCH:
            raise refuse("search", f"At most {MAX_SEARCH} characters.")
        return super().get_search_terms(request)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Describe the parameter for the OpenAPI document."""
        names = ", ".join(getattr(view, "search_fields", ()))
        description = self.description or f"Every word of it is in one of: {names}."
        return [parameter("search", description, maxLength=MAX_SEARCH, pattern=NO_NUL)]


class StableOrdering(filters.OrderingFilter):
    """``?ordering=`` by declared fields, with the id as the tie-breaker that a cursor needs.

    What a search has given a ``relevance`` is ordered by it, unless another order is asked for.
    """

    def get_ordering(self, request: Request, queryset: "QuerySet[Any]", view: APIView) -> list[str]:
        """Return the declared ordering asked for, or the view's default, then the id.

        Raises:
            ValidationError: another is asked for.

        """
        if not re.fullmatch(self._form(view), request.query_params.get("ordering", "")):
            allowed = ", ".join(getattr(view, "ordering_fields", ()))
            raise refuse("ordering", f"Order by one of: {allowed}; with - in front, descending.")
        fields = list(super().get_ordering(request, queryset, view) or [])
        if "relevance" in queryset.query.annotations and not request.query_params.get("ordering"):
            fields = ["-relevance"]
        if not any(field.lstrip("-") in ("id", "pk") for field in fields):
            fields.append("-id" if fields and fields[0].startswith("-") else "id")
        return fields

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Describe the parameter for the OpenAPI document."""
        description = "Fields, separated by commas; with - in front, descending."
        return [parameter("ordering", description, pattern=f"^{self._form(view)}$")]

    def _form(self, view: APIView) -> str:
        one = f"-?(?:{'|'.join(getattr(view, 'ordering_fields', ()))})"
        return f"(?:{one}(?:,{one})*)?"
