"""The template schema: migrated like any tenant, never used by one, replayed into each.

Its version, a digest of its migrations and fixed rows, stands as a comment on it and on every
schema that equals it: one look at the catalogue tells who lags.
"""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.contrib.contenttypes.management import create_contenttypes
from django.core.management import CommandError
from django.db import connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string
from psycopg import sql
from psycopg.conninfo import make_conninfo

from .. import scope
from ..routers import OWNER_ALIAS

TEMPLATE_SCHEMA = "tenant_template"

Progress = Callable[..., None]

_VERSION_SQL = """
SELECT md5(string_agg(line, E'\\n' ORDER BY line COLLATE "C")) FROM (
    SELECT concat_ws(' ', 'migration', app, name) AS line FROM django_migrations
    UNION ALL SELECT concat_ws(' ', 'type', id, app_label, model) FROM django_content_type
    UNION ALL SELECT concat_ws(' ', 'permission', id, content_type_id, codename)
        FROM auth_permission
    UNION ALL SELECT concat_ws(' ', 'group', id, name) FROM auth_group
    UNION ALL SELECT concat_ws(' ', 'may', group_id, permission_id) FROM auth_group_permissions
) AS fixed
"""


@dataclass(frozen=True, slots=True)
class Template:
    """The replay script of one version of the template."""

    version: str
    script: str
    source: str = TEMPLATE_SCHEMA

    def for_schema(self, schema: str) -> str:
        """Return the script as it makes ``schema``."""
        return self.script.replace(f"{self.source}.", f"{schema}.")


def migrate_schema(schema: str, progress: Progress | None = None) -> bool:
    """Run the outstanding migrations of ``schema``; return whether there were any.

    No post_migrate is sent: content types and permissions are made in public and in the
    template (:func:`sync_permissions`) and copied from there.
    """
    with scope.owner_scope(schema):
        executor = MigrationExecutor(connections[OWNER_ALIAS], progress)
        executor.loader.check_consistent_history(connections[OWNER_ALIAS])
        if conflicts := executor.loader.detect_conflicts():
            raise CommandError(f"Conflicting migrations: {conflicts}; run makemigrations --merge.")
        targets = executor.loader.graph.leaf_nodes()
        plan = executor.migration_plan(targets)
        if plan:
            executor.migrate(targets, plan)
        return bool(plan)


def sync_permissions(schema: str, app_names: list[str]) -> None:
    """Write content types and permissions of ``app_names``, and of no other app."""
    with scope.owner_scope(schema), transaction.atomic(using=OWNER_ALIAS):
        for config in apps.get_app_configs():
            if config.name in app_names:
                create_contenttypes(config, verbosity=0, using=OWNER_ALIAS)
                create_permissions(config, verbosity=0, using=OWNER_ALIAS)


def migrate_template(progress: Progress | None = None) -> None:
    """Bring the template up to the code and write its version on it."""
    with scope.owner_scope(), connections[OWNER_ALIAS].cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(TEMPLATE_SCHEMA))
        )
    migrate_schema(TEMPLATE_SCHEMA, progress)
    sync_permissions(TEMPLATE_SCHEMA, settings.TENANT_APPS)
    with scope.owner_scope(TEMPLATE_SCHEMA), transaction.atomic(using=OWNER_ALIAS):
        for step in settings.TENANT_TEMPLATE_STEPS:
            import_string(step)()
        with connections[OWNER_ALIAS].cursor() as cursor:
            cursor.execute(comment_sql(TEMPLATE_SCHEMA, present_digest()))


def present_digest() -> str:
    """Return the digest of the template's migrations and fixed rows as they are now."""
    with scope.owner_scope(TEMPLATE_SCHEMA), connections[OWNER_ALIAS].cursor() as cursor:
        cursor.execute(_VERSION_SQL)
        [version] = cursor.fetchone()
    return str(version)


def comment_sql(schema: str, version: str) -> sql.Composed:
    """Return the statement that writes the template's ``version`` on ``schema``."""
    return sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
        sql.Identifier(schema), sql.Literal(version)
    )


def template_version() -> str:
    """Return the version written on the template.

    Raises:
        CommandError: there is no template yet.

    """
    with scope.owner_scope(), connections[OWNER_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s",
            [TEMPLATE_SCHEMA],
        )
        row = cursor.fetchone()
    if row is None or row[0] is None:
        raise CommandError("There is no template schema yet: run `manage.py migrate`.")
    return str(row[0])


def load_template() -> Template:
    """Return the template's present version and its script (dumped once a version)."""
    return _dump(template_version())


@lru_cache(maxsize=1)
def _dump(version: str) -> Template:
    return Template(version, replay_script(pg_dump(TEMPLATE_SCHEMA), TEMPLATE_SCHEMA))


def pg_dump(schema: str) -> str:
    """Return pg_dump's plain text of ``schema``: tables, rows as INSERTs, no owners, no grants."""
    params = connections[OWNER_ALIAS].get_connection_params()
    environment = {**os.environ, "PGPASSWORD": params.get("password", "")}
    place = {key: params[key] for key in ("dbname", "user", "host", "port") if params.get(key)}
    arguments = [
        *(f"--dbname={make_conninfo('', **place)}", "--no-password", f"--schema={schema}"),
        *("--no-owner", "--no-privileges", "--rows-per-insert=1000"),
    ]
    done = subprocess.run(  # noqa: S603  # fixed program, arguments from settings
        [settings.PG_DUMP, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CommandError(f"{Path(settings.PG_DUMP).name} failed: {done.stderr.strip()}")
    return done.stdout


def replay_script(dump: str, schema: str) -> str:
    """Keep what makes and fills tables from pg_dump's text, as one message of statements."""
    statements: list[str] = []
    lines: list[str] = []
    for line in dump.splitlines():
        if not lines and not line.startswith(("CREATE ", "ALTER ", "INSERT ", "SELECT ")):
            continue
        lines.append(line)
        if line.endswith(";"):
            statements.append("\n".join(lines))
            lines = []
    unwanted = (f"CREATE SCHEMA {schema};", "SELECT pg_catalog.set_config(")
    return "\n".join(s for s in statements if not s.startswith(unwanted))
