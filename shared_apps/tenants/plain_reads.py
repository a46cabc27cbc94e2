"""Lists and details that are asked for as they are: one statement, kept, and no instances."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from .columns import Columns, columns_of
from .kept_queries import Rows
from .lists import StableOrdering
from .sparse import FIELDS


class PlainReads:
    """View mixin: what no parameter narrows is read by :meth:`rows`, and shown column by column.

    Whatever else is asked for is answered as ever, and so is every refusal.
    """

    def rows(
        self,
        paths: tuple[str, ...],
        ordering: tuple[str, ...],
        limit: int | None,
        *,
        key: UUID | None = None,
    ) -> Rows:
        """Return the columns of what the caller may see, or of the one with the ``key``."""
        raise NotImplementedError

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the first page."""
        if not {*request.query_params} <= {FIELDS, "ordering", "page_size"}:
            return super().list(request, *args, **kwargs)  # type: ignore[misc,no-any-return]
        columns = self._columns()
        view: Any = self
        ordering = tuple(StableOrdering().get_ordering(request, view.queryset, view))
        names = tuple(name.lstrip("-") for name in ordering)
        paths = (*columns.paths, *(name for name in names if name not in columns.paths))

        def read(limit: int) -> Rows:
            return self.rows(paths, ordering, limit)

        def place(row: Any, name: str) -> Any:
            return row[paths.index(name)]

        page = view.paginator.first_page(request, ordering, read, place)
        answer: Response = view.get_paginated_response([columns.show(row) for row in page])
        return answer

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one."""
        row = None
        if {*request.query_params} <= {FIELDS}:
            columns = self._columns()
            row = self._row(columns.paths, kwargs["pk"])
        if row is None:
            return super().retrieve(request, *args, **kwargs)  # type: ignore[misc,no-any-return]
        self.check_object_permissions(request, row)  # type: ignore[attr-defined]  # the view's
        return Response(columns.show(row))

    def _columns(self) -> Columns:
        view: Any = self
        return columns_of(view.get_serializer_class(), view._asked)

    def _row(self, paths: tuple[str, ...], key: str) -> Any:
        try:
            named = UUID(key)
        except ValueError:
            return None
        return next(iter(self.rows(paths, (), None, key=named)), None)
