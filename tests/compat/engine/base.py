"""Our engine as Django's own suite needs it: one scope for everything, no roles.

Each statement goes with its prefix as in the product; what the suite does not know of (scopes,
two logins, schemas) is fixed. It switches databases and threads at will, so the scope is not
asked of the running code.
"""

from typing import Any

from shared_apps.tenants import scope as scopes
from shared_apps.tenants.postgresql import base, schema

SCOPE = scopes.Scope("owner", "owner:public", "public", "SET LOCAL search_path TO public; ", 1)


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """With Django's ``_like`` indexes, which the suite counts."""

    _create_like_index_sql = schema.schema.DatabaseSchemaEditor._create_like_index_sql


class DatabaseWrapper(base.DatabaseWrapper):
    """The engine in one scope."""

    SchemaEditorClass = DatabaseSchemaEditor

    def active_scope(self) -> scopes.Scope:
        """Return the one scope."""
        return SCOPE

    @property
    def schema_name(self) -> str:
        """The one schema."""
        return SCOPE.schema

    def on_commit(self, func: Any, robust: bool = False) -> None:
        """Leave callbacks as they are: the suite compares them, and there is no scope to bind."""
        super(base.DatabaseWrapper, self).on_commit(func, robust)
