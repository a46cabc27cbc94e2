"""What every list shares: declared parameters only, a stable ordering. Pages: `paging.py`."""

import re
from typing import Any

from django.db.models import QuerySet
from rest_framework import exceptions, filters
from rest_framework.request import Request
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
        declared = {"page_size", "cursor", "count"} if view.paginator else set()
        if getattr(view, "may_be_sparse", False):
            declared.add("fields")
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
        columns = [field.lstrip("-") for field in fields]
        # Named again, a column orders nothing any more.
        return [field for n, field in enumerate(fields) if columns[n] not in columns[:n]]

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Describe the parameter for the OpenAPI document."""
        description = "Fields, separated by commas; with - in front, descending."
        return [parameter("ordering", description, pattern=f"^{self._form(view)}$")]

    def _form(self, view: APIView) -> str:
        one = f"-?(?:{'|'.join(getattr(view, 'ordering_fields', ()))})"
        return f"(?:{one}(?:,{one})*)?"
