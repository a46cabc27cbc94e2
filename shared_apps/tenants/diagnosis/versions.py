"""Whether each tenant has a schema, and whether public, template and tenants are migrated."""

from collections.abc import Iterator

from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from .. import scope
from ..models import TenantStatus
from ..provisioning.fleet import lagging_schemas
from ..provisioning.template import TEMPLATE_SCHEMA, present_digest, template_version
from ..routers import OWNER_ALIAS
from . import catalogue
from .finding import Finding, error, some

_MIGRATE = "Run `manage.py migrate`."


def missing_schemas() -> Iterator[Finding]:
    """Find tenants whose schema is not there."""
    missing = {
        str(named)
        for schema, named, status, _ in catalogue.schemas_and_tenants()
        if schema is None and status != TenantStatus.CLOSED
    }
    if missing:
        yield error(
            some(missing),
            "the tenant has no schema",
            "Restore it from a backup; a tenant of the pool may be closed instead.",
        )


def outstanding_migrations() -> Iterator[Finding]:
    """Find migrations of the code that public or the template has not."""
    for schema in (scope.PUBLIC_SCHEMA, TEMPLATE_SCHEMA):
        with scope.owner_scope(schema):
            executor = MigrationExecutor(connections[OWNER_ALIAS])
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            names = [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
            yield error(schema, f"lags behind the code by {some(names)}", _MIGRATE)


def changed_template() -> Iterator[Finding]:
    """Find a template whose rows are not what its version was made of."""
    if present_digest() != template_version():
        yield error(
            TEMPLATE_SCHEMA,
            "its migrations, content types, permissions or roles are not those of its version",
            f"Undo what was changed by hand. {_MIGRATE}",
        )


def lagging_tenants() -> Iterator[Finding]:
    """Find tenants whose schema carries another version than the template."""
    if lagging := lagging_schemas():
        yield error(some(lagging), "lags behind the template", _MIGRATE)
