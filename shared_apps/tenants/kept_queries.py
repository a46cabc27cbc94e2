"""Queries that are the same again and again: their SQL is made once a process, not at every read.

To build and compile one takes Django longer than PostgreSQL takes to answer it. What is kept is
the text and where each value belongs in it; it is sent through Django's cursor, which names the
scope of the moment as for any statement.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import EmptyResultSet
from django.db import connection

Rows = Sequence[Sequence[Any]]
# Of each query: one for each combination of what is asked.
_KEPT = 256


def kept_query(build: Callable[..., Any]) -> Callable[..., Rows]:
    """Return a function that answers with the rows of the ``values_list()`` that ``build`` makes.

    Arguments by position say what is asked; those by name are ids (or None), and others at each
    call. ``build`` must depend on nothing else: no tenant, person, setting or time.

    Raises:
        ValueError: another id would be kept.

    """

    @lru_cache(maxsize=_KEPT)
    def kept(asked: tuple[Any, ...], named: tuple[tuple[str, bool], ...]) -> Callable[..., Rows]:
        marks = {name: uuid4() if is_there else None for name, is_there in named}
        return _compiled(build(*asked, **marks), {mark: name for name, mark in marks.items()})

    @wraps(build)
    def rows(*asked: Any, **ids: UUID | None) -> Rows:
        return kept(asked, tuple((name, one is not None) for name, one in ids.items()))(ids)

    return rows


def _compiled(queryset: Any, names: dict[UUID | None, str]) -> Callable[..., Rows]:
    # Of Django's compiler, which it does not document, this is all that is used.
    compiler = queryset.query.get_compiler(queryset.db)
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return lambda ids: []
    converters = compiler.get_converters([column for column, *_ in compiler.select])
    places = [(names.get(one) if isinstance(one, UUID) else None, one) for one in params]
    if any(isinstance(one, UUID) and not name for name, one in places):
        raise ValueError(f"An id that is no argument of the query: {sql}")

    def run(ids: dict[str, UUID | None]) -> Rows:
        with connection.cursor() as cursor:
            cursor.execute(sql, [ids[name] if name else one for name, one in places])
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return [_converted(row, converters) for row in found] if converters else found

    return run


def _converted(row: tuple[Any, ...], converters: dict[int, Any]) -> list[Any]:
    values = list(row)
    for place, (convert, column) in converters.items():
        for each in convert:
            values[place] = each(values[place], column, connection)
    return values
