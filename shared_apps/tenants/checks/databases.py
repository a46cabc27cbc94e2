"""Rules of ``DATABASES``: every statement goes through the engine, with the right login."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings

from ..routers import OWNER_ALIAS
from .rule import rule

ENGINE = "shared_apps.tenants.postgresql"
ROUTER = "shared_apps.tenants.routers.SchemaRouter"


def _databases() -> Iterator[tuple[str, dict[str, Any]]]:
    yield from settings.DATABASES.items()


@rule(
    "E001",
    "These database aliases go round the engine that names the tenant: {}.",
    f"Set ENGINE to {ENGINE!r}.",
)
def _other_engines() -> list[str]:
    return [alias for alias, database in _databases() if database.get("ENGINE") != ENGINE]


@rule(
    "E002",
    "These database aliases use server-side cursors, which carry no tenant: {}.",
    "Set DISABLE_SERVER_SIDE_CURSORS to True.",
)
def _server_side_cursors() -> list[str]:
    return [a for a, database in _databases() if not database.get("DISABLE_SERVER_SIDE_CURSORS")]


@rule(
    "E003",
    "These database aliases keep connections beyond a request: {}.",
    "Set CONN_MAX_AGE to 0; the pool or PgBouncer keeps them.",
)
def _kept_connections() -> list[str]:
    return [alias for alias, database in _databases() if database.get("CONN_MAX_AGE", 0) != 0]


@rule(
    "E004",
    "These database aliases bind or prepare on the server, which cannot carry the tenant: {}.",
    "Leave server_side_binding and prepare_threshold out of OPTIONS.",
)
def _prepared_statements() -> list[str]:
    return [
        alias
        for alias, database in _databases()
        if database.get("OPTIONS", {}).get("server_side_binding")
        or database.get("OPTIONS", {}).get("prepare_threshold") is not None
    ]


@rule(
    "E005",
    "The logins of web and owner are not told apart: {}.",
    "Give the owner alias a login of its own and OWNER = True, and the others neither.",
)
def _mixed_logins() -> Iterator[str]:
    for alias, database in _databases():
        if bool(database.get("OWNER")) != (alias == OWNER_ALIAS):
            yield f"OWNER of {alias}"
    owner = settings.DATABASES.get(OWNER_ALIAS)
    if owner and owner.get("USER") == settings.DATABASES["default"].get("USER"):
        yield f"both are {owner.get('USER')!r}"


@rule(
    "E006",
    "Queries are not routed by the scope: {}.",
    f"DATABASE_ROUTERS is [{ROUTER!r}] and nothing else.",
)
def _other_routers() -> list[str]:
    routers = list(settings.DATABASE_ROUTERS)
    return [] if routers == [ROUTER] else [f"DATABASE_ROUTERS is {routers}"]


@rule(
    "W001",
    "Tenants have no PostgreSQL role of their own ({}): a wrong statement is not refused.",
    "Set TENANT_ROLES=true, unless the database is Citus, which has no such roles.",
    deploy=True,
)
def _no_roles() -> list[str]:
    return [] if settings.TENANT_ROLES else ["TENANT_ROLES is off"]
