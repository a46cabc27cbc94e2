"""A cursor that names its scope in every message it sends.

``SET LOCAL ROLE ...; SET LOCAL search_path ...;`` travels in the same simple-protocol message
as the statement. Several statements of one message are one implicit transaction, so nothing
outlives it, and if the prefix fails the statement does not run. No state is remembered about
the connection: there is nothing to go stale, also behind a pooler in transaction mode.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError
from django.db.backends.postgresql.base import CursorMixin
from psycopg import ClientCursor, sql
from psycopg.pq import PipelineStatus, TransactionStatus

from .. import scope as scopes

if TYPE_CHECKING:
    from .base import DatabaseWrapper

# Alone in a message, these reach no table and must work while an exception leaves its scope.
_SCOPELESS = re.compile(
    r"\s*(SAVEPOINT|RELEASE|ROLLBACK|SET\s+CONSTRAINTS\s+ALL)\b[^;]*;?\s*", re.IGNORECASE
)
# PostgreSQL refuses these inside a transaction block, so they cannot share a message.
_NO_TRANSACTION = re.compile(
    r"\s*(VACUUM|(CREATE|DROP)\s+DATABASE|ALTER\s+SYSTEM|REINDEX\b.*\bCONCURRENTLY|"
    r"(CREATE(\s+UNIQUE)?|DROP)\s+INDEX\s+CONCURRENTLY)\b",
    re.IGNORECASE | re.DOTALL,
)

# What Django sends through a raw cursor when a connection's time zone is another's.
_SET_TIME_ZONE = "SELECT set_config('TimeZone', %s, false)"


class RawCursor(CursorMixin, ClientCursor[Any]):
    """What ``connection.connection.cursor()`` gives: for the driver's own errands only.

    It carries no prefix. Outside a transaction the login has no rights; inside one SET LOCAL
    of an earlier statement would still hold, and the statement would run in that scope.
    """

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> "RawCursor":
        """Run a statement outside a transaction; inside one, set the time zone only."""
        in_transaction = self.connection.info.transaction_status != TransactionStatus.IDLE
        if in_transaction and query != _SET_TIME_ZONE:
            raise NotSupportedError("Use Django's cursor: this one carries no scope.")
        super().execute(query, *args, **kwargs)
        return self

    def copy(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse."""
        raise NotSupportedError("Use Django's cursor: this one carries no scope.")

    executemany = stream = copy


class ScopedCursor(CursorMixin, ClientCursor[Any]):
    """Django's psycopg cursor, each statement prefixed with the active scope."""

    def __init__(self, wrapper: "DatabaseWrapper") -> None:
        super().__init__(wrapper.connection)
        self.wrapper = wrapper
        self.prefix = ""

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> "ScopedCursor":
        """Run ``query`` in the active scope.

        Raises:
            NoActiveTenant: no scope is active.
            WrongScope: the scope needs the other login.

        """
        if isinstance(query, str):
            text = query
        else:
            text = query.decode() if isinstance(query, bytes) else query.as_string(self)
        with self.wrapper.writing(text):
            if params is not None:
                text = self.mogrify(text, params)
            self._send(text, kwargs)
        return self

    def executemany(
        self, query: Any, params_seq: Iterable[Any], *, returning: bool = False
    ) -> None:
        """Run ``query`` once per set of parameters, all in one message and one transaction."""
        statements = [self.mogrify(query, params) for params in params_seq]
        if not statements:
            return
        with self.wrapper.writing(query):
            first = self._send(";\n".join(statements), {})
        if not returning:
            rowcount = 0
            for index in range(first, first + len(statements)):
                rowcount += self.set_result(index).rowcount
            # psycopg, too, reports the sum here, and has no public way to set it.
            self._rowcount = rowcount

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **kwargs: Any) -> Iterator[Any]:
        """COPY in the active scope, inside a transaction only.

        COPY cannot share a message with the prefix; in a transaction SET LOCAL lasts until
        its end, and nothing else can come between the two messages on this connection.
        """
        if not self.wrapper.in_atomic_block:
            raise NotSupportedError("COPY needs a transaction: use it inside atomic().")
        self.wrapper.note_writes("COPY")
        super().execute(self.wrapper.active_scope().prefix)
        with super().copy(statement, params, **kwargs) as copy:
            yield copy

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Refuse: single-row mode cannot carry the prefix."""
        raise NotSupportedError("stream() cannot carry a scope; read by key ranges instead.")

    def _send(self, text: str, kwargs: dict[str, Any]) -> int:
        """Send ``text`` with its prefix; return the index of its first result."""
        self.prefix = ""
        if self.connection.info.pipeline_status != PipelineStatus.OFF:
            raise NotSupportedError("A pipeline cannot carry a scope.")
        if (
            _SCOPELESS.fullmatch(text)
            or self.connection.info.transaction_status == TransactionStatus.INERROR
        ):
            # In a failed transaction the statement fails by itself and shows its own cause.
            super().execute(text, **kwargs)
            return 0
        scope = self.wrapper.active_scope()
        if _NO_TRANSACTION.match(text):
            self._send_alone(text, scope)
            return 0
        self.prefix = scope.prefix
        super().execute(scope.prefix + text, **kwargs)
        try:
            self.set_result(scope.prefix_statements)
        except IndexError:
            # An empty statement or a lone comment has no result of its own.
            self.set_result(-1)
        return scope.prefix_statements

    def _send_alone(self, text: str, scope: scopes.Scope) -> None:
        if not scope.is_owner:
            raise NotSupportedError(
                f"Only the owner scope may run what refuses a transaction: {text[:60]!r}"
            )
        path = sql.SQL("SET search_path TO {}, {}").format(
            sql.Identifier(scope.schema), sql.Identifier(scopes.EXTENSIONS_SCHEMA)
        )
        super().execute(path)
        try:
            super().execute(text)
        finally:
            if self.connection.info.transaction_status == TransactionStatus.IDLE:
                # Its own cursor: this one still holds the statement's result.
                RawCursor(self.connection).execute("RESET search_path")
