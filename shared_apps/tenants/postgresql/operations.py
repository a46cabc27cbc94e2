"""Small departures of the engine from Django's own SQL."""

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import features, operations


class DatabaseOperations(operations.DatabaseOperations):
    """Django's operations, the prefix hidden from logs and query capture."""

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str:
        """Return the statement as the caller wrote it, without the scope's prefix."""
        return super().last_executed_query(cursor, sql, params).removeprefix(cursor.prefix)

    def deferrable_sql(self) -> str:
        """Return nothing where foreign keys are checked at once (docs: Citus, rule 4)."""
        return super().deferrable_sql() if settings.DEFERRABLE_FOREIGN_KEYS else ""


class DatabaseFeatures(features.DatabaseFeatures):
    """Django's features, less what foreign keys that are checked at once cannot do."""

    @property
    def can_defer_constraint_checks(self) -> bool:  # type: ignore[override]  # asked, never set
        """Whether a transaction may break a foreign key until it commits."""
        return bool(settings.DEFERRABLE_FOREIGN_KEYS)
