"""A schema and its role, made by one message and dropped in batches."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction
from django.db.models.functions import Now
from psycopg import sql

from .. import scope
from ..failpoints import failpoint
from ..models import Tenant, TenantStatus, new_schema_name
from ..routers import OWNER_ALIAS
from ..storage import erase_files_of
from . import cluster
from .template import Template, comment_sql, load_template

_ROLE = """
CREATE ROLE {schema} NOLOGIN;
GRANT {schema} TO {web} WITH INHERIT FALSE, SET TRUE;
"""
# Before the tables, which so come with their grants: GRANT ... ON ALL TABLES IN SCHEMA reads the
# whole of pg_class five times, and cost 200 ms at 3,000 schemas of 50 tables.
_GRANTS = """
GRANT USAGE ON SCHEMA {schema} TO {schema};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {schema};
"""
_FIXED = """
REVOKE INSERT, UPDATE, DELETE ON {fixed} FROM {schema};
"""


def make_schema(schema: str, template: Template, fixed_tables: Iterable[str]) -> None:
    """Make ``schema`` equal to the template, with its role; fails if it exists.

    One message; call it inside a transaction of the owner's connection, so that a crash at
    any point leaves neither schema nor role.
    """
    name = sql.Identifier(schema)
    fixed = sql.SQL(", ").join(sql.Identifier(schema, table) for table in fixed_tables)
    names = {"schema": name, "web": sql.Identifier(cluster.web_login()), "fixed": fixed}
    connection = connections[OWNER_ALIAS]
    with connection.cursor() as cursor:

        def text(template_sql: str) -> str:
            return sql.SQL(template_sql).format(**names).as_string(cursor.cursor)

        roles = settings.TENANT_ROLES
        cursor.execute(
            # Nobody waits for this commit: were it lost in a crash, schema, role and row would
            # be lost together, and a sign-up's own commit makes what it claimed durable.
            "SET LOCAL synchronous_commit = off;\n"
            + (text(_ROLE) if roles else "")
            + text("CREATE SCHEMA {schema};\n")
            + (text(_GRANTS) if roles else "")
            + template.for_schema(schema)
            + (text(_FIXED) if roles else "")
            + comment_sql(schema, template.version).as_string(cursor.cursor)
        )


def provision() -> UUID:
    """Add one ready tenant to the pool; return its id.

    Schema, role and row come to be in one transaction or not at all.
    """
    with scope.owner_scope(), transaction.atomic(using=OWNER_ALIAS):
        with connections[OWNER_ALIAS].cursor() as cursor:
            # A migration of the fleet holds this alone: no schema of an old version slips in.
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [cluster.FLEET_LOCK])
        schema = new_schema_name()
        make_schema(schema, load_template(), cluster.FIXED_TABLES)
        failpoint("provision.before_row")
        tenant = Tenant.objects.create(schema_name=schema)
        failpoint("provision.before_commit")
    failpoint("provision.after_commit")
    return tenant.pk


def drop_schemas(schemas: Iterable[str]) -> None:
    """Drop schemas and their roles, a transaction each: a batch would need too many locks."""
    for schema in schemas:
        name = sql.Identifier(schema)
        with scope.owner_scope(), transaction.atomic(using=OWNER_ALIAS):
            with connections[OWNER_ALIAS].cursor() as cursor:
                cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name))
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [schema])
                if cursor.fetchone() is not None:
                    cursor.execute(sql.SQL("DROP ROLE {}").format(name))


def close_tenants() -> int:
    """Drop what tenants marked for closing have, files too; return how many were closed.

    The schema goes first: a crash in between is mended by the next run.
    """
    with scope.owner_scope():
        drained = Now() - timedelta(seconds=settings.DRAIN_SECONDS)
        closed = Tenant.objects.filter(status=TenantStatus.CLOSED, dropped_at=None)
        leaving = list(closed.filter(changed_at__lte=drained))
    for tenant in leaving:
        drop_schemas([tenant.schema_name])
        failpoint("close.after_drop")
        erase_files_of(tenant.pk, tenant.schema_name)
        failpoint("close.after_files")
        with scope.owner_scope():
            tenant.mark_dropped()
    return len(leaving)
