"""Schema changes for thousands of schemas: no index that earns nothing, no deferred keys."""

from typing import Any

from django.conf import settings
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.postgresql import schema


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """Django's editor without ``_like`` twin indexes and with foreign keys checked at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.DEFERRABLE_FOREIGN_KEYS:
            # A constraint that is not deferrable cannot be SET IMMEDIATE, and need not be.
            self.sql_create_column_inline_fk = (
                "CONSTRAINT %(name)s REFERENCES %(to_table)s(%(to_column)s)%(on_delete_db)s"
            )
            self.sql_delete_fk = self.sql_delete_constraint
            self.sql_update_with_default = BaseDatabaseSchemaEditor.sql_update_with_default

    def _create_like_index_sql(self, model: Any, field: Any) -> None:
        """Make none: 1 index a character column and tenant, and no query of ours uses it."""
        return
