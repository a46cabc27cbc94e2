"""The database engine: ``ENGINE = "shared_apps.tenants.postgresql"``.

Everything django-tenants remembers about a connection (its search_path, its tenant) is gone;
the scope of the running code (``shared_apps.tenants.scope``) is asked at every statement.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import psycopg
from django.conf import settings
from django.db import NotSupportedError, transaction
from django.db.backends.postgresql.base import TIMESTAMPTZ_OID
from django.db.backends.postgresql.psycopg_any import register_tzloader
from django_tenants.postgresql_backend import base as stock
from psycopg.pq import Format

from .. import scope as scopes
from .cursor import RawCursor, ScopedCursor
from .operations import DatabaseFeatures, DatabaseOperations
from .schema import DatabaseSchemaEditor
from .writes import watch


class DatabaseWrapper(stock.DatabaseWrapper):
    """A connection on which each statement names its tenant.

    ``DATABASES[...]["OWNER"]`` tells the two logins apart: an owner connection serves the owner
    scope alone, and the other one everything else.
    """

    SchemaEditorClass = DatabaseSchemaEditor
    introspection_class = stock.DatabaseSchemaIntrospection
    ops_class = DatabaseOperations
    features_class = DatabaseFeatures

    def __init__(self, *args: Any) -> None:
        # Past django-tenants' constructor, which would enter the public schema.
        super(stock.DatabaseWrapper, self).__init__(*args)
        # What the transaction has written of the watched tables, by the scope it was written in.
        self._written: dict[str, tuple[scopes.Scope, frozenset[str]]] = {}

    def active_scope(self) -> scopes.Scope:
        """Return the scope of the next statement.

        Raises:
            NoActiveTenant: there is none.
            WrongScope: it is not one for this connection's login.

        """
        scope = scopes.current()
        if scope is None:
            raise scopes.NoActiveTenant
        if scope.kind != "catalogue" and scope.is_owner != self.settings_dict.get("OWNER", False):
            raise scopes.WrongScope(
                f"Connection {self.alias!r} does not serve the scope {scope.key!r}."
            )
        return scope

    @property
    def schema_name(self) -> str | None:
        """The schema of the active scope, as django-tenants' tools ask for it."""
        scope = scopes.current()
        return None if scope is None else scope.schema

    @property
    def tenant(self) -> Any:
        """The tenant of the active scope, or None."""
        scope = scopes.current()
        return None if scope is None else scope.tenant

    def set_tenant(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse to switch: a connection has no tenant here, the running code has."""
        raise scopes.WrongScope("Enter a scope instead: `with tenant_scope(...)`.")

    def set_schema(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse to switch, as :meth:`set_tenant` does."""
        raise scopes.WrongScope("Enter a scope instead of calling set_schema().")

    def set_schema_to_public(self) -> NoReturn:
        """Refuse to switch, as :meth:`set_tenant` does."""
        raise scopes.WrongScope("Enter `public_scope()` instead.")

    def get_connection_params(self) -> dict[str, Any]:
        """Return Django's, with a raw cursor that cannot borrow an earlier statement's scope."""
        return {**super().get_connection_params(), "cursor_factory": RawCursor}

    def is_usable(self) -> bool:
        """Tell whether the server answers; Django would ask through a raw cursor."""
        if self.connection is None:
            return False
        try:
            with scopes.catalogue_scope(), ScopedCursor(self) as cursor:
                cursor.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def connect(self) -> None:
        """Connect; the hooks of Django's apps see the system catalogue only."""
        with scopes.catalogue_scope():
            super().connect()

    def on_commit(self, func: Any, robust: bool = False) -> None:
        """Run ``func`` after the commit in the scope of this call, not of the commit's."""
        super().on_commit(scopes.bound(func) if callable(func) else func, robust)

    @contextmanager
    def writing(self, statement: str) -> Iterator[None]:
        """Run a statement; in a transaction if it writes a watched table, so that it is told."""
        if self.note_writes(statement) and self.autocommit and not self.in_atomic_block:
            with transaction.atomic(using=self.alias):
                yield
        else:
            yield

    def note_writes(self, statement: str) -> bool:
        """Note what a statement may write of the watched tables; return whether it is any."""
        scope = scopes.current()
        if scope is None or scope.kind != "tenant" or not (tables := watch.written_by(statement)):
            return False
        _scope, before = self._written.get(scope.key, (scope, frozenset()))
        self._written[scope.key] = (scope, before | tables)
        return True

    def _commit(self) -> None:
        written, self._written = self._written, {}
        for scope, tables in written.values():
            with scopes.entered(scope):
                watch.before_commit(tables)  # type: ignore[misc]  # set, or nothing is noted
        super()._commit()

    def _rollback(self) -> None:
        self._written = {}
        super()._rollback()

    def _close(self) -> None:
        self._written = {}
        if len(self._schemas_seen()) >= settings.DB_SCHEMAS_A_CONNECTION:
            # The pool lets go of it and opens another: the server's process keeps some memory
            # of each tenant it ever served.
            self.connection._expire_at = 0.0
        super()._close()

    def _schemas_seen(self) -> set[str]:
        """Return the schemas that the server's process has served."""
        if self.connection is None:
            return set()
        seen: set[str] = self.connection.__dict__.setdefault("schemas_seen", set())
        return seen

    def _cursor(self, name: str | None = None) -> Any:
        # Past django-tenants' version, which sends SET search_path as a statement of its own.
        return super(stock.DatabaseWrapper, self)._cursor(name)

    def chunked_cursor(self) -> Any:
        """Return a plain cursor: a big read is fetched whole, or by key ranges."""
        return self._cursor()

    def create_cursor(self, name: str | None = None) -> ScopedCursor:
        """Return a cursor of ours; server-side cursors cannot carry the prefix."""
        if name:
            raise NotSupportedError("A named cursor cannot carry its scope.")
        if (scope := scopes.current()) is not None:
            self._schemas_seen().add(scope.schema)
        cursor = ScopedCursor(self)
        loader = self.connection.adapters.get_loader(TIMESTAMPTZ_OID, Format.TEXT)
        if self.timezone != loader.timezone:
            register_tzloader(self.timezone, cursor)
        return cursor
