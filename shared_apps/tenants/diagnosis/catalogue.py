"""Look-ups in PostgreSQL's catalogue and in the tenants' table, with the owner login."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connections

from .. import scope
from ..models import TenantStatus
from ..provisioning.template import TEMPLATE_SCHEMA
from ..routers import OWNER_ALIAS

# As the constraint on Tenant.schema_name has it.
OURS = "^t_[a-z2-7]{12}$"

_SCHEMAS = """
SELECT nspname, schema_name, status, dropped_at IS NOT NULL
FROM (SELECT nspname FROM pg_namespace WHERE nspname ~ %s) AS made
FULL JOIN public.tenants_tenant ON nspname = schema_name
"""


def rows(statement: Any, params: Any = None) -> list[tuple[Any, ...]]:
    """Return what the owner login reads."""
    with scope.owner_scope(), connections[OWNER_ALIAS].cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())


def schemas_and_tenants() -> list[tuple[str | None, str | None, str | None, bool]]:
    """Return each schema of our form beside its tenant: schema, tenant's, status, dropped.

    One statement, so one moment: a tenant that is made meanwhile is seen whole or not at all.
    """
    return rows(_SCHEMAS, [OURS])


def tenants_schemas() -> list[str]:
    """Return the schemas that exist and belong to a tenant who is not closed."""
    return sorted(
        schema
        for schema, named, status, _ in schemas_and_tenants()
        if schema and named and status != TenantStatus.CLOSED
    )


def draining_schemas() -> list[str]:
    """Return the schemas of closed tenants that are still there."""
    return [
        schema
        for schema, named, status, _ in schemas_and_tenants()
        if schema and named and status == TenantStatus.CLOSED
    ]


def comparable_schemas() -> list[str]:
    """Return those tenants' schemas whose comment is the template's: they should equal it."""
    return [
        row[0]
        for row in rows(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s) AND"
            " obj_description(oid, 'pg_namespace') = (SELECT obj_description(oid, 'pg_namespace')"
            " FROM pg_namespace WHERE nspname = %s) ORDER BY nspname",
            [tenants_schemas(), TEMPLATE_SCHEMA],
        )
    ]


def present_roles(names: Iterable[str]) -> set[str]:
    """Return which of the roles ``names`` exist."""
    found = rows("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(names)])
    return {row[0] for row in found}


def in_chunks(names: Sequence[str], size: int) -> Iterator[list[str]]:
    """Yield ``names`` in lists of at most ``size``."""
    for start in range(0, len(names), size):
        yield list(names[start : start + size])
