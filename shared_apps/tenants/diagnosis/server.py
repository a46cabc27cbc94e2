"""Whether PostgreSQL is new enough, durable and large enough, as the web login sees it."""

from collections.abc import Iterator

from django.conf import settings
from django.db import connections

from .. import scope
from .finding import Finding, error, warning

# GRANT ... WITH INHERIT FALSE, SET TRUE.
NEEDED_VERSION = 16
# A web server, the processes of a worker, the scheduler.
PROCESSES = 4

_DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")
_TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def _setting(name: str) -> str:
    with scope.catalogue_scope(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT setting FROM pg_settings WHERE name = %s", [name])
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def version() -> Iterator[Finding]:
    """Find a server that is too old."""
    major = int(_setting("server_version_num")) // 10_000
    if major < NEEDED_VERSION:
        yield error("PostgreSQL", f"is version {major}", f"Use {NEEDED_VERSION} or newer.")


def durability() -> Iterator[Finding]:
    """Find settings under which an acknowledged commit can be lost."""
    for name in _DURABILITY:
        if _setting(name) == "off":
            yield error(
                "PostgreSQL",
                f"{name} is off: what was acknowledged can be lost in a crash",
                f"ALTER SYSTEM RESET {name}; and reload; or ALTER ROLE ... RESET {name}.",
            )


def connection_limit() -> Iterator[Finding]:
    """Find pools that can ask for more connections than there are."""
    taken = int(_setting("superuser_reserved_connections"))
    taken += int(_setting("reserved_connections") or 0)
    room = int(_setting("max_connections")) - taken
    if room < settings.DB_POOL_SIZE * PROCESSES:
        yield warning(
            "PostgreSQL",
            f"{PROCESSES} processes with DB_POOL_SIZE={settings.DB_POOL_SIZE} can ask for more"
            f" than its {room} connections",
            "Lower DB_POOL_SIZE, raise max_connections, or use PgBouncer.",
        )


def timeouts() -> Iterator[Finding]:
    """Find a web login whose statements may last for ever."""
    for name in _TIMEOUTS:
        if _setting(name) == "0":
            yield warning(
                "web login",
                f"has no {name}: one request can hold a connection or a lock for ever",
                f"ALTER ROLE ... SET {name}, as deploy/postgres/logins.sql does.",
            )
