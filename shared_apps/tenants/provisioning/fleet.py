"""Bring every schema up to the code: public, the template, then each tenant that lags."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connections, transaction
from psycopg import sql

from shared_apps.plans.catalogue import load_plans

from .. import scope
from ..models import Tenant
from ..routers import OWNER_ALIAS
from . import cluster
from .template import (
    TEMPLATE_SCHEMA,
    comment_sql,
    migrate_schema,
    migrate_template,
    sync_permissions,
    template_version,
)

# Copied by id from the template; what a tenant made itself has ids past the template's.
_COPY_FIXED_ROWS = """
INSERT INTO {schema}.django_content_type SELECT * FROM {template}.django_content_type
    ON CONFLICT DO NOTHING;
INSERT INTO {schema}.auth_permission SELECT * FROM {template}.auth_permission
    ON CONFLICT DO NOTHING;
INSERT INTO {schema}.auth_group SELECT * FROM {template}.auth_group ON CONFLICT DO NOTHING;
INSERT INTO {schema}.users_role SELECT * FROM {template}.users_role ON CONFLICT DO NOTHING;
DELETE FROM {schema}.auth_group_permissions AS here
    WHERE here.group_id IN (SELECT id FROM {template}.auth_group)
    AND NOT EXISTS (SELECT FROM {template}.auth_group_permissions AS there
        WHERE there.group_id = here.group_id AND there.permission_id = here.permission_id);
INSERT INTO {schema}.auth_group_permissions (group_id, permission_id)
    SELECT group_id, permission_id FROM {template}.auth_group_permissions
    ON CONFLICT DO NOTHING;
"""


@dataclass(slots=True)
class FleetReport:
    """What a run did: schemas migrated, and those that failed with their error."""

    migrated: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def migrate_fleet(say: Callable[[str], None] = lambda line: None) -> FleetReport:
    """Prepare the database and migrate everything that lags; safe to repeat and to interrupt.

    A tenant that fails is reported and does not stop the others.
    """
    report = FleetReport()
    cluster.prepare_cluster()
    with scope.owner_scope(), connections[OWNER_ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [cluster.FLEET_LOCK])
        try:
            say("Migrating the public schema")
            migrate_schema(scope.PUBLIC_SCHEMA)
            sync_permissions(scope.PUBLIC_SCHEMA, settings.SHARED_APPS)
            cluster.fix_rows(scope.PUBLIC_SCHEMA, scope.PUBLIC_ROLE)
            load_plans()
            say("Migrating the template schema")
            migrate_template()
            for schema in lagging_schemas():
                say(f"Migrating {schema}")
                try:
                    migrate_tenant(schema)
                except Exception as error:
                    # Whatever one tenant's data does to a migration must not stop the others.
                    report.failed[schema] = f"{type(error).__name__}: {error}"
                else:
                    report.migrated.append(schema)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [cluster.FLEET_LOCK])
    return report


def lagging_schemas() -> list[str]:
    """Return the tenants' schemas whose version is not the template's."""
    version = template_version()
    with scope.owner_scope():
        schemas = list(Tenant.objects.with_schema().values_list("schema_name", flat=True))
        with connections[OWNER_ALIAS].cursor() as cursor:
            cursor.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)"
                " AND obj_description(oid, 'pg_namespace') IS DISTINCT FROM %s ORDER BY nspname",
                [schemas, version],
            )
            return [row[0] for row in cursor.fetchall()]


def migrate_tenant(schema: str) -> None:
    """Run outstanding migrations in one tenant and copy the template's fixed rows."""
    migrate_schema(schema)
    names = {"schema": sql.Identifier(schema), "template": sql.Identifier(TEMPLATE_SCHEMA)}
    version = template_version()
    with scope.owner_scope(schema), transaction.atomic(using=OWNER_ALIAS):
        with connections[OWNER_ALIAS].cursor() as cursor:
            cursor.execute(sql.SQL(_COPY_FIXED_ROWS).format(**names))
            cursor.execute(comment_sql(schema, version))
    with scope.owner_scope():
        # What the migration wrote, the engine's watch has not seen.
        Tenant.objects.get(schema_name=schema).clear_cache()
