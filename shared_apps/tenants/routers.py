"""Which schema a model's table is made in, and which login a query of the owner scope uses."""

from typing import Any

from django.conf import settings
from django.db import models
from django_tenants.routers import TenantSyncRouter

from . import scope, stamps

OWNER_ALIAS = "owner"


class SchemaRouter(TenantSyncRouter):
    """Routes by the active scope: nothing here depends on the state of a connection."""

    def _alias(self, instance: models.Model | None) -> str | None:
        if instance is not None:
            stamps.check_instance(instance)
        active = scope.current()
        return OWNER_ALIAS if active is not None and active.is_owner else None

    def db_for_read(self, model: Any, instance: Any = None, **hints: Any) -> str | None:
        """Return the owner's connection in the owner scope, else Django's default."""
        return self._alias(instance)

    def db_for_write(self, model: Any, instance: Any = None, **hints: Any) -> str | None:
        """As :meth:`db_for_read`; an instance of another scope is refused."""
        return self._alias(instance)

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        """Allow a relation between two objects of the active scope."""
        stamps.check_instance(obj1)
        stamps.check_instance(obj2)
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Make shared tables in public and tenant tables elsewhere."""
        active = scope.current()
        if active is None:
            # Asked by system checks; a migration would fail at its first statement.
            return None
        if active.is_owner != (db == OWNER_ALIAS):
            return False
        shared = active.schema == scope.PUBLIC_SCHEMA
        return bool(
            self.app_in_list(app_label, settings.SHARED_APPS if shared else settings.TENANT_APPS)
        )
