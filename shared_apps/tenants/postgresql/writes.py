"""Which tables a transaction writes, and who is told before it commits.

Every statement passes the engine, so no writer can forget: a model's ``save()``, a bulk write, an
import, the admin and raw SQL are all seen here. What cannot be read counts as writing everything.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_READS = re.compile(
    r"\s*(?:SELECT|VALUES|SHOW|EXPLAIN|FETCH|SET|SAVEPOINT|RELEASE|ROLLBACK|LISTEN|NOTIFY)\b",
    re.IGNORECASE,
)
_WRITES = re.compile(
    r'\s*(?:INSERT\s+INTO|UPDATE(?:\s+ONLY)?|DELETE\s+FROM(?:\s+ONLY)?)\s+"?(\w+)"?\s',
    re.IGNORECASE,
)
_WORDS = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|COPY|TRUNCATE)\b", re.IGNORECASE)

_is_silent: ContextVar[bool] = ContextVar("freehold_unwatched", default=False)

Teller = Callable[[frozenset[str]], None]


class Watch:
    """The tables somebody wants to know of, and whom to tell, in the scope of the write."""

    def __init__(self) -> None:
        self.tables: frozenset[str] = frozenset()
        self.before_commit: Teller | None = None

    def add(self, tables: Iterable[str]) -> None:
        """Watch ``tables``, too.

        Raises:
            RuntimeError: it is too late: other processes would not know of it.

        """
        added = frozenset(tables) - self.tables
        if added and self.before_commit:
            raise RuntimeError(f"Declare where every process imports it: {sorted(added)}")
        self.tables |= added

    def seal(self, before_commit: Teller) -> None:
        """Begin to watch; ``before_commit`` is told."""
        self.before_commit = before_commit

    def written_by(self, statement: str) -> frozenset[str]:
        """Return the watched tables that ``statement``, before its parameters, may write."""
        if _is_silent.get():
            return frozenset()
        if _READS.match(statement) and not (";" in statement and _WORDS.search(statement)):
            return frozenset()
        match = _WRITES.match(statement)
        if match and ";" not in statement:
            return self.tables & {match[1]}
        return self.tables


watch = Watch()


@contextmanager
def unwatched() -> Iterator[None]:
    """Write without telling: for counters that may lag behind, and nothing else."""
    token = _is_silent.set(True)
    try:
        yield
    finally:
        _is_silent.reset(token)
