"""Whether content types, permissions and migrations have the template's ids in every tenant.

The content-type cache is one for all tenants and rests on it; public has rows of its own.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, LiteralString

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_permission_codename
from psycopg import sql

from .. import scope
from ..provisioning.template import TEMPLATE_SCHEMA
from . import catalogue
from .finding import Finding, error, some

SCHEMAS_A_QUERY = 200

_COLUMNS = {
    "django_content_type": ("id", "app_label", "model"),
    "auth_permission": ("id", "content_type_id", "codename"),
    "django_migrations": ("app", "name"),
}
_READABLE = """
SELECT nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
JOIN pg_attribute ON attrelid = c.oid
JOIN unnest(%s::text[], %s::text[]) AS wanted (place, name) ON place = relname AND name = attname
WHERE nspname = ANY(%s) AND has_schema_privilege(n.oid, 'USAGE')
    AND has_table_privilege(c.oid, 'SELECT')
GROUP BY nspname HAVING count(*) = %s
"""
_LINES = """
    SELECT concat_ws(' ', 'content type', id, app_label || '.' || model) AS line
        FROM {schema}.django_content_type
    UNION ALL SELECT concat_ws(' ', 'permission', id, codename, 'of content type', content_type_id)
        FROM {schema}.auth_permission
    UNION ALL SELECT concat_ws(' ', 'migration', app || '.' || name) FROM {schema}.django_migrations
"""
_NAMES = """
    SELECT 'content type ' || app_label || '.' || model AS line FROM {schema}.django_content_type
    UNION ALL SELECT 'permission ' || app_label || '.' || codename FROM {schema}.auth_permission p
        JOIN {schema}.django_content_type t ON t.id = p.content_type_id
"""
_ROWS = "SELECT {name}, line FROM ({lines}) AS fixed"
_DIGEST = (
    "SELECT {name}, md5(string_agg(line, E'\\n' ORDER BY line COLLATE \"C\"))"
    " FROM ({lines}) AS fixed"
)

_RESTORE = (
    "Restore the rows by hand, as the owner login, with what refers to them: people's permissions"
    " mean other things here."
)


def drift() -> Iterator[Finding]:
    """Find tenants whose fixed rows are not the template's."""
    differing: list[str] = []
    [(_, wanted)] = _union(_DIGEST, [TEMPLATE_SCHEMA])
    for chunk in catalogue.in_chunks(_readable(), SCHEMAS_A_QUERY):
        differing += [schema for schema, digest in _union(_DIGEST, chunk) if digest != wanted]
    template = {line for _, line in _union(_ROWS, [TEMPLATE_SCHEMA])} if differing else set()
    schemas: dict[str, list[str]] = defaultdict(list)
    for chunk in catalogue.in_chunks(differing, SCHEMAS_A_QUERY):
        lines: dict[str, set[str]] = defaultdict(set)
        for schema, line in _union(_ROWS, chunk):
            lines[schema].add(line)
        for schema in chunk:
            schemas[_difference(template, lines[schema])].append(schema)
    for problem, where in schemas.items():
        yield error(some(where), problem, _RESTORE)


def _difference(template: set[str], here: set[str]) -> str:
    parts = [
        f"{words}: {some(lines)}"
        for words, lines in (
            ("lacks of the template's rows", template - here),
            ("has other rows than the template", here - template),
        )
        if lines
    ]
    return "; ".join(parts) or "has a row of the template twice"


def _union(
    select: LiteralString, schemas: list[str], lines: LiteralString = _LINES
) -> list[tuple[Any, ...]]:
    parts = [
        sql.SQL(select).format(
            name=sql.Literal(schema), lines=sql.SQL(lines).format(schema=sql.Identifier(schema))
        )
        for schema in schemas
    ]
    return catalogue.rows(sql.SQL(" UNION ALL ").join(parts))


def _readable() -> list[str]:
    """Return the schemas whose fixed tables can be read; why not is `structure`'s to say."""
    wanted = [(table, column) for table, columns in _COLUMNS.items() for column in columns]
    tables, columns = map(list, zip(*wanted, strict=True))
    schemas = catalogue.comparable_schemas()
    return [row[0] for row in catalogue.rows(_READABLE, [tables, columns, schemas, len(wanted)])]


def of_the_code() -> Iterator[Finding]:
    """Find models without content type or permission, and those of the other side's apps."""
    for schema, app_names in (
        (scope.PUBLIC_SCHEMA, settings.SHARED_APPS),
        (TEMPLATE_SCHEMA, settings.TENANT_APPS),
    ):
        present = {line for _, line in _union(_ROWS, [schema], _NAMES)}
        wanted = _names_of(app_names)
        foreign = (_names_of(settings.INSTALLED_APPS) - wanted) & present
        if missing := wanted - present:
            yield error(schema, f"lacks {some(missing)}", "Run `manage.py migrate`.")
        if foreign:
            yield error(
                schema,
                f"has {some(foreign)}, of apps that have no tables there",
                "Delete these rows as the owner login, lest a role offers them.",
            )


def _names_of(app_names: list[str]) -> set[str]:
    names: set[str] = set()
    for config in apps.get_app_configs():
        if config.name not in app_names:
            continue
        for model in config.get_models():
            opts = model._meta
            names.add(f"content type {opts.app_label}.{opts.model_name}")
            codenames = [
                *(get_permission_codename(action, opts) for action in opts.default_permissions),
                *(codename for codename, _ in opts.permissions),
            ]
            names.update(f"permission {opts.app_label}.{codename}" for codename in codenames)
    return names
