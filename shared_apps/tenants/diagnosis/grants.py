"""Whether each role has its rights on its own schema, and nobody has any other.

A role has USAGE on its schema and SELECT, INSERT, UPDATE and DELETE on its tables, of the fixed
ones SELECT alone; the tables that come later get the same by default privileges.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, LiteralString, NamedTuple

from psycopg import sql

from .. import scope
from ..provisioning.cluster import FIXED_TABLES, web_login
from ..provisioning.template import TEMPLATE_SCHEMA
from . import catalogue
from .finding import Finding, error, some, warning

_ALL = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_NONE: frozenset[str] = frozenset()

# Who but the owner has what: an object without a grant has one row without a grantee. A grant
# option counts as a privilege of its own.
_HELD = sql.SQL("""
LEFT JOIN LATERAL (
    SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END AS grantee,
        array_agg(privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
            AS privileges
    FROM aclexplode({acl}) AS granted WHERE granted.grantee <> {owner} GROUP BY 1
) AS held ON true
""")


def _held(statement: LiteralString, acl: LiteralString, owner: LiteralString) -> sql.Composed:
    return sql.SQL(statement).format(held=_HELD.format(acl=sql.SQL(acl), owner=sql.SQL(owner)))


_ON_TABLES = _held(
    """
SELECT nspname, relname, relkind, held.grantee, privileges
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
{held}
WHERE nspname = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
ORDER BY 1, 2, 4
""",
    "relacl",
    "relowner",
)
_ON_COLUMNS = _held(
    """
SELECT nspname, relname || '.' || attname, 'column', held.grantee, privileges
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
{held}
WHERE nspname = ANY(%s) AND attacl IS NOT NULL AND held.grantee IS NOT NULL
""",
    "attacl",
    "relowner",
)
_ON_SCHEMAS = _held(
    """
SELECT nspname, '', 'schema', held.grantee, privileges FROM pg_namespace
{held}
WHERE nspname = ANY(%s)
""",
    "nspacl",
    "nspowner",
)
_BY_DEFAULT = _held(
    """
SELECT nspname, '', 'default', held.grantee, privileges
FROM pg_namespace n LEFT JOIN pg_default_acl ON defaclnamespace = n.oid
    AND defaclobjtype = 'r' AND pg_get_userbyid(defaclrole) = current_user
{held}
WHERE nspname = ANY(%(schemas)s)
UNION ALL SELECT coalesce(nspname, '(any)'), '', 'other default', held.grantee, privileges
FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace
{held}
WHERE (nspname = ANY(%(schemas)s) OR defaclnamespace = 0) AND held.grantee IS NOT NULL
    AND defaclobjtype IN ('r', 'S', 'n') AND NOT (
    defaclnamespace <> 0 AND defaclobjtype = 'r' AND pg_get_userbyid(defaclrole) = current_user)
""",
    "defaclacl",
    "defaclrole",
)
# What a role of ours may reach outside our schemas: nothing, but to connect to this database.
_ELSEWHERE = """
SELECT rolname, pg_describe_object(classid, objid, objsubid)
FROM pg_shdepend JOIN pg_roles r ON r.oid = refobjid AND refclassid = 'pg_authid'::regclass
LEFT JOIN pg_class c ON classid = 'pg_class'::regclass AND c.oid = objid
LEFT JOIN pg_default_acl d ON classid = 'pg_default_acl'::regclass AND d.oid = objid
LEFT JOIN pg_namespace n ON n.oid = coalesce(c.relnamespace, d.defaclnamespace,
    CASE classid WHEN 'pg_namespace'::regclass THEN objid END)
WHERE deptype = 'a'
    AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND rolname = ANY(%(roles)s) AND (nspname = ANY(%(schemas)s)) IS NOT TRUE
    AND NOT (rolname = %(web)s AND classid = 'pg_database'::regclass)
ORDER BY 1, 2
"""
_ON_DATABASE = _held(
    """
SELECT datname, held.grantee, privileges FROM pg_database
{held}
WHERE datname = current_database() AND held.grantee IN ('PUBLIC', %s)
""",
    "coalesce(datacl, acldefault('d', datdba))",
    "datdba",
)


class Held(NamedTuple):
    """What one grantee has on one object, and whom the object's schema is for."""

    schema: str
    name: str
    kind: str
    grantee: str | None
    privileges: list[str] | None

    @property
    def place(self) -> str:
        """The object as SQL names it."""
        return f"{self.schema}.{self.name}" if self.name else f"schema {self.schema}"


def _role_of(schema: str) -> str:
    return scope.PUBLIC_ROLE if schema == scope.PUBLIC_SCHEMA else schema


def _due(held: Held) -> frozenset[str]:
    match held.kind:
        case "schema":
            return frozenset({"USAGE"})
        case "default":
            return _ALL
        case "S" | "column" | "other default":
            return _NONE
    return frozenset({"SELECT"}) if held.name in FIXED_TABLES else _ALL


def _schemas() -> list[str]:
    return [scope.PUBLIC_SCHEMA, TEMPLATE_SCHEMA, *catalogue.tenants_schemas()]


def on_tables() -> Iterator[Finding]:
    """Find grants on tables, sequences and columns that are missing or too many."""
    for statement in (_ON_TABLES, _ON_COLUMNS):
        yield from _judge(catalogue.rows(statement, [_schemas()]))


def on_schemas() -> Iterator[Finding]:
    """Find grants on schemas that are missing or too many."""
    yield from _judge(catalogue.rows(_ON_SCHEMAS, [_schemas()]))


def by_default() -> Iterator[Finding]:
    """Find default privileges that are missing or too many."""
    yield from _judge(
        catalogue.rows(_BY_DEFAULT, {"schemas": _schemas()}), " by default, on later tables"
    )


def _judge(found: list[tuple[Any, ...]], when: str = "") -> Iterator[Finding]:
    objects: dict[tuple[str, str, str], list[Held]] = defaultdict(list)
    for held in map(Held._make, found):
        objects[held[:3]].append(held)
    # A role that is missing is told once, by `roles`.
    roles = catalogue.present_roles([_role_of(schema) for schema, _, _ in objects])
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for holders in objects.values():
        role = _role_of(holders[0].schema)
        if role in roles and role not in {held.grantee for held in holders}:
            holders.append(holders[0]._replace(grantee=role, privileges=[]))
        for held in holders:
            for problem in _differences(held):
                places[str(held.grantee), problem + when].add(held.place)
    yield from _told(places)


def _differences(held: Held) -> Iterator[str]:
    if held.grantee is None:
        return
    is_its_own = held.grantee == _role_of(held.schema)
    due, has = _due(held) if is_its_own else _NONE, {*(held.privileges or [])}
    who = "its own role" if is_its_own else held.grantee
    if lacks := ", ".join(sorted(due - has)):
        yield f"{who} lacks {lacks}"
    if too_many := ", ".join(sorted(has - due)):
        yield f"{who} has {too_many}"


def _told(places: dict[tuple[str, str], set[str]]) -> Iterator[Finding]:
    web = web_login()
    merged: dict[tuple[bool, str], set[str]] = defaultdict(set)
    for (grantee, problem), where in places.items():
        is_ours = grantee in ("PUBLIC", web, scope.PUBLIC_ROLE) or grantee.startswith("t_")
        merged[is_ours, problem] |= where
    for (is_ours, problem), where in merged.items():
        remedy = "GRANT or REVOKE as the owner login; `provisioning.replay` says what is due."
        if is_ours:
            yield error(some(where), problem, remedy)
        else:
            # A backup's or a monitor's login, perhaps: somebody meant it.
            yield warning(some(where), f"{problem} and is no role of ours", remedy)


def elsewhere() -> Iterator[Finding]:
    """Find what roles of ours may reach outside their schemas, and who may connect."""
    schemas, web = _schemas(), web_login()
    roles = [web, scope.PUBLIC_ROLE, *catalogue.tenants_schemas()]
    names = {"roles": roles, "schemas": schemas, "web": web}
    for role, place in catalogue.rows(_ELSEWHERE, names):
        yield error(role, f"has rights on {place}", f"Revoke them from {role}.")
    for database, grantee, privileges in catalogue.rows(_ON_DATABASE, [web]):
        due = {"CONNECT"} if grantee == web else set()
        if too_many := ", ".join(sorted({*privileges} - due)):
            yield error(
                f"database {database}",
                f"{grantee} has {too_many}",
                "Revoke it; `manage.py migrate` does for PUBLIC.",
            )
