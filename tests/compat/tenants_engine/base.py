"""Our engine as django-tenants' own suite needs it: its switches name the scope.

The product has no ambient tenant and refuses ``set_tenant()``; the suite calls it on every page.
Here the connection remembers what django-tenants' own methods say, and nothing of it reaches
the database but through our engine: each statement goes with a prefix made of that, and no
``SET search_path`` is ever sent. No roles: the suite knows none.
"""

from typing import Any

from django_tenants.postgresql_backend import base as stock
from django_tenants.utils import quote_schema_name

from shared_apps.tenants import scope as scopes
from shared_apps.tenants.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """The engine, its scope the schema that the suite has switched to."""

    # In the product these are read from the active scope.
    schema_name: str | None = None
    tenant: Any = None
    set_tenant = stock.DatabaseWrapper.set_tenant
    set_schema = stock.DatabaseWrapper.set_schema
    set_schema_to_public = stock.DatabaseWrapper.set_schema_to_public

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.set_schema_to_public()

    def active_scope(self) -> scopes.Scope:
        """Return the scope of the schema switched to, or the one that the engine has entered.

        The suite's names are anything PostgreSQL can quote, where the product's are its own: they
        are checked and quoted as django-tenants does.
        """
        if (entered := scopes.current()) is not None:
            return entered
        path = ", ".join(map(quote_schema_name, self._get_cursor_search_paths()))
        schema = str(self.schema_name)
        return scopes.Scope(
            "owner", f"owner:{schema}", schema, f"SET LOCAL search_path TO {path}; ", 1
        )
