"""Pages by a keyset cursor: where a page begins is a row's place in the order, not a number.

A cursor holds the last row's values of all the columns that the list is ordered by, of which the
last is unique: rows that come and go elsewhere move no page, and a page far down costs what the
first one does (https://use-the-index-luke.com/no-offset). It is signed, for its list and ordering.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.signing import BadSignature, Signer
from django.db.models import F, Q
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from .lists import NO_NUL, parameter, refuse


class CursorPages(BasePagination):
    """Pages of 20 rows, at most 100: ``{"next", "previous", "results"}``, and ``count`` if asked.

    In the order that the queryset has: its last column must be unique and none may be NULL.
    """

    page_size = 20
    max_page_size = 100
    _count: int | None = None
    _next: str | None = None
    _previous: str | None = None

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        """Return the page that the cursor names.

        Raises:
            ValidationError: ``page_size`` or ``count`` are none.
            NotFound: the cursor was not given out for this list in this order.

        """
        size = self._size(request)
        self._count = queryset.count() if self._is_counted(request) else None
        ordering = queryset.query.order_by
        self._begin(request, ordering)
        is_backward, position = self._read_cursor(request)
        if is_backward:
            ordering = [name[1:] if name.startswith("-") else f"-{name}" for name in ordering]
        if position:
            queryset = queryset.filter(_after(position, ordering))
        found = list(queryset.order_by(*ordering)[: size + 1])
        page, has_next, has_previous = found[:size], len(found) > size, position is not None
        if is_backward:
            page.reverse()
            has_next, has_previous = has_previous, has_next
        self._next = self._link(page[-1:], is_backward=False) if has_next else None
        self._previous = self._link(page[:1], is_backward=True) if has_previous else None
        return page

    def first_page(
        self,
        request: Request,
        ordering: Sequence[str],
        read: Callable[[int], Sequence[Any]],
        place: Callable[[Any, str], Any],
    ) -> Sequence[Any]:
        """Return the list's first page, of what ``read`` finds: at most so many rows.

        ``place`` returns a row's value of a column of the ``ordering``.

        Raises:
            ValidationError: ``page_size`` is none.

        """
        size = self._size(request)
        self._begin(request, ordering, place)
        found = read(size + 1)
        page = found[:size]
        if len(found) > size:
            self._next = self._link(page[-1:], is_backward=False)
        return page

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with links to its neighbours."""
        counted = {} if self._count is None else {"count": self._count}
        links = {"next": self._next, "previous": self._previous}
        return Response(counted | links | {"results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the page for the OpenAPI document."""
        link = {"type": ["string", "null"], "format": "uri"}
        page = {"next": link, "previous": link, "results": schema}
        count = {"type": "integer", "minimum": 0, "description": "Only with `count=true`."}
        return {"type": "object", "required": list(page), "properties": {"count": count, **page}}

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Describe the parameters for the OpenAPI document."""
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size}
        return [
            parameter("cursor", "A page, as `next` and `previous` name it.", pattern=NO_NUL),
            parameter("page_size", "Rows a page.", **size, default=self.page_size),
            parameter("count", "How many rows all pages have.", type="boolean", default=False),
        ]

    def _begin(
        self, request: Request, ordering: Sequence[str], place: Callable[[Any, str], Any] = getattr
    ) -> None:
        self._address = request.build_absolute_uri()
        self._columns = [name.lstrip("-") for name in ordering]
        self._signer = Signer(salt=f"{request.path}?ordering={','.join(ordering)}")
        self._place = place

    def _size(self, request: Request) -> int:
        asked = request.query_params.get("page_size")
        if asked is None:
            return self.page_size
        is_number = asked.isascii() and asked.isdigit() and len(asked) <= 3
        if not is_number or not 1 <= int(asked) <= self.max_page_size:
            raise refuse("page_size", f"A page has 1 to {self.max_page_size} rows.")
        return int(asked)

    def _is_counted(self, request: Request) -> bool:
        asked = request.query_params.get("count", "false")
        if asked not in ("true", "false"):
            raise refuse("count", _("This must be true or false."))
        return bool(asked == "true")

    def _read_cursor(self, request: Request) -> tuple[bool, list[str] | None]:
        """Return whether to go backward, and from where; None: from the list's end."""
        cursor = request.query_params.get("cursor")
        if cursor is None:
            return False, None
        try:
            is_backward, position = self._signer.unsign_object(cursor)
        except BadSignature as error:
            raise exceptions.NotFound(_("This is no cursor of this list.")) from error
        return is_backward, position

    def _link(self, row: Sequence[Any], *, is_backward: bool) -> str:
        # If its rows are gone, all that is left lies on the other side, up to the list's end.
        position = [str(self._place(row[0], name)) for name in self._columns] if row else None
        cursor = self._signer.sign_object([is_backward, position], compress=True)
        return replace_query_param(self._address, "cursor", cursor)


def _after(position: Sequence[str], ordering: Sequence[str]) -> Any:
    """Return the condition that a row comes after ``position``."""
    descending = {name.startswith("-") for name in ordering}
    if len(descending) == 1:
        # An index over the columns is entered at this very row, among however many alike.
        columns = Tuple(*(F(name.lstrip("-")) for name in ordering))
        return (TupleLessThan if True in descending else TupleGreaterThan)(columns, position)
    condition = Q()
    for name, value in reversed([*zip(ordering, position, strict=True)]):
        column, way = name.lstrip("-"), "lt" if name.startswith("-") else "gt"
        # Without the first, which is implied, no index could be entered at all.
        condition = Q((f"{column}__{way}e", value)) & (Q((f"{column}__{way}", value)) | condition)
    return condition
