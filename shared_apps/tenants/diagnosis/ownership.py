"""Whether the owner login owns everything, and the roles that serve requests nothing."""

from collections.abc import Iterator

from .. import scope
from ..provisioning.cluster import EXTENSIONS, web_login
from ..provisioning.template import TEMPLATE_SCHEMA
from . import catalogue
from .finding import Finding, error

_OWNED = """
SELECT rolname, CASE WHEN dbid IN (0, here.oid) THEN pg_describe_object(classid, objid, objsubid)
    ELSE 'an object in database ' || (SELECT datname FROM pg_database WHERE oid = dbid) END
FROM (SELECT oid FROM pg_database WHERE datname = current_database()) AS here,
    pg_shdepend JOIN pg_roles r ON r.oid = refobjid AND refclassid = 'pg_authid'::regclass
WHERE deptype = 'o' AND rolname = ANY(%s) ORDER BY 1, 2
"""
_FOREIGN = """
SELECT 'schema ' || nspname, pg_get_userbyid(nspowner) FROM pg_namespace
WHERE nspname = ANY(%(made)s) AND pg_get_userbyid(nspowner) <> current_user
UNION ALL SELECT nspname || '.' || relname, pg_get_userbyid(relowner)
FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = ANY(%(all)s) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND pg_get_userbyid(relowner) <> current_user
"""


def of_the_rightless() -> Iterator[Finding]:
    """Find what the web login, public's role or a tenant's owns: an owner is refused nothing."""
    roles = [web_login(), scope.PUBLIC_ROLE, *catalogue.tenants_schemas()]
    for role, thing in catalogue.rows(_OWNED, [roles]):
        yield error(role, f"owns {thing}", "ALTER ... OWNER TO the owner login.")


def of_the_owner() -> Iterator[Finding]:
    """Find schemas and tables of ours that the owner login cannot migrate or drop."""
    made = [TEMPLATE_SCHEMA, scope.EXTENSIONS_SCHEMA, *catalogue.tenants_schemas()]
    names = {"made": made, "all": [scope.PUBLIC_SCHEMA, *made]}
    for thing, owner in catalogue.rows(_FOREIGN, names):
        yield error(thing, f"is owned by {owner}", "ALTER ... OWNER TO the owner login.")


def extensions() -> Iterator[Finding]:
    """Find extensions that are missing or not where every tenant reaches them."""
    found = dict(
        catalogue.rows(
            "SELECT extname, nspname FROM pg_extension e JOIN pg_namespace n"
            " ON n.oid = extnamespace WHERE extname = ANY(%s)",
            [list(EXTENSIONS)],
        )
    )
    for name in EXTENSIONS:
        if name not in found:
            yield error(f"extension {name}", "is missing", "Run `manage.py migrate`.")
        elif found[name] != scope.EXTENSIONS_SCHEMA:
            yield error(
                f"extension {name}",
                f"is in schema {found[name]}, out of the tenants' reach",
                f"ALTER EXTENSION {name} SET SCHEMA {scope.EXTENSIONS_SCHEMA};",
            )
    configurations = catalogue.rows(
        "SELECT 1 FROM pg_ts_config c JOIN pg_namespace n ON n.oid = cfgnamespace"
        " WHERE cfgname = %s AND nspname = %s",
        [scope.SEARCH_CONFIGURATION, scope.EXTENSIONS_SCHEMA],
    )
    if not list(configurations):
        name = f"text search configuration {scope.SEARCH_CONFIGURATION}"
        yield error(name, "is missing", "Run `manage.py migrate`.")
