"""Whether a pooler stands between us and PostgreSQL, where one should, and in which mode.

PostgreSQL names the backend when a connection is opened. A pooler makes up a name of its own,
since it does not know yet which backend will answer: if ``pg_backend_pid()`` is another, there
is one. How long a client keeps its backend tells the mode.
"""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections, transaction

from .. import scope
from ..routers import OWNER_ALIAS
from .finding import Finding, error, warning

# Two clients asked in turn, each twice in a row: a pooler that goes round its servers cannot
# answer all of them as if each client had one of its own.
_TURNS = (0, 1, 0, 0, 1, 1, 0, 1, 1, 0)


def _backends(connection: Any) -> tuple[int, int]:
    """Return the backend that answers, and the one that was named on connecting."""
    with scope.catalogue_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [answering] = cursor.fetchone()
        return answering, cursor.connection.info.backend_pid


def _is_pooled(alias: str) -> bool:
    answering, named = _backends(connections[alias])
    return bool(answering != named)


def _is_shared(alias: str) -> bool:
    """Tell whether two clients get the same backend in turn: not in session mode."""
    second = connections[alias].copy()
    try:
        clients = (connections[alias], second)
        answers = [(turn, _backends(clients[turn])[0]) for turn in _TURNS]
    finally:
        second.close()
    return len(set(answers)) > len(clients) or len({backend for _, backend in answers}) == 1


def _takes_transactions(alias: str) -> bool:
    try:
        with scope.catalogue_scope(), transaction.atomic(using=alias):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT 1")
    except DatabaseError as refusal:
        if "statement pooling" not in str(refusal):
            raise
        return False
    finally:
        connections[alias].close()
    return True


def of_the_web_login() -> Iterator[Finding]:
    """Find a pooler that is not in transaction mode, or one behind a pool of our own."""
    if not _is_pooled("default"):
        return
    where = "connection default"
    if not _takes_transactions("default"):
        yield error(
            where,
            "its pooler is in statement mode, which refuses transactions",
            "Set pool_mode = transaction (deploy/pgbouncer/pgbouncer.ini).",
        )
    elif not _is_shared("default"):
        yield warning(
            where,
            "its pooler is in session mode: each client keeps a backend, idle or not",
            "Set pool_mode = transaction; every statement names its tenant, so it is safe.",
        )
    if settings.DB_POOL_SIZE:
        yield warning(
            where,
            "goes through a pooler and has a pool of its own, which holds the pooler's slots",
            "Set DB_POOL_SIZE=0.",
        )


def of_the_owner_login() -> Iterator[Finding]:
    """Find a pooler before the owner login, whose locks and paths last for a session."""
    if _is_pooled(OWNER_ALIAS):
        yield error(
            "connection owner",
            "goes through a pooler: the fleet's lock and CREATE INDEX CONCURRENTLY need a session",
            "Let OWNER_DATABASE_URL lead to PostgreSQL itself.",
        )
