"""The doctor on roles and grants: each test breaks one thing, is told of it, and mends it."""

import pytest

from config.embedded import DATABASE, OWNER, WEB
from shared_apps.tenants.diagnosis import grants, roles
from shared_apps.tenants.models import Tenant, TenantStatus
from shared_apps.tenants.scope import public_scope
from tests.tenants.breaking import broken, told

_NAMES = {"web": WEB, "owner": OWNER, "database": DATABASE}

# Find, breaking, mending, whom it is about, what is told. {s} is the schema and role of a
# tenant, {o} of another.
ROLES = {
    "a role missing": (
        roles.missing,
        "ALTER ROLE {s} RENAME TO gone",
        "ALTER ROLE gone RENAME TO {s}",
        "{s}",
        "the role is missing",
    ),
    **{
        f"a tenant's role with {attribute}": (
            roles.attributes,
            f"ALTER ROLE {{s}} {attribute}",
            f"ALTER ROLE {{s}} NO{attribute}",
            "{s}",
            f"error {{s}}: has {attribute}",
        )
        for attribute in (
            *("LOGIN", "SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"),
        )
    },
    "public's role with LOGIN": (
        roles.attributes,
        "ALTER ROLE portal_public LOGIN",
        "ALTER ROLE portal_public NOLOGIN",
        "portal_public",
        "has LOGIN",
    ),
    "a web login with INHERIT": (
        roles.attributes,
        "ALTER ROLE {web} INHERIT",
        "ALTER ROLE {web} NOINHERIT",
        "{web}",
        "has INHERIT",
    ),
    "a web login with CREATEROLE": (
        roles.attributes,
        "ALTER ROLE {web} CREATEROLE",
        "ALTER ROLE {web} NOCREATEROLE",
        "{web}",
        "has CREATEROLE",
    ),
    "a role that the web login may not take": (
        roles.memberships,
        "SET ROLE {owner}; GRANT {s} TO {web} WITH SET FALSE",
        "SET ROLE {owner}; GRANT {s} TO {web} WITH SET TRUE",
        "{s}",
        "error {web}: may not take {s}",
    ),
    "a role that the web login is not granted": (
        roles.memberships,
        "SET ROLE {owner}; REVOKE {s} FROM {web}",
        "SET ROLE {owner}; GRANT {s} TO {web} WITH INHERIT FALSE, SET TRUE",
        "{s}",
        "error {web}: may not take {s}",
    ),
    "a role that the web login inherits": (
        roles.memberships,
        "SET ROLE {owner}; GRANT {s} TO {web} WITH INHERIT TRUE",
        "SET ROLE {owner}; GRANT {s} TO {web} WITH INHERIT FALSE",
        "{s}",
        "error {web}: is granted {s} WITH INHERIT",
    ),
    "a role that the web login may hand on": (
        roles.memberships,
        "SET ROLE {owner}; GRANT {s} TO {web} WITH ADMIN TRUE",
        "SET ROLE {owner}; GRANT {s} TO {web} WITH ADMIN FALSE",
        "{s}",
        "error {web}: is granted {s} WITH ADMIN",
    ),
    "a tenant's role in a neighbour's": (
        roles.memberships,
        "GRANT {s} TO {o}",
        "REVOKE {s} FROM {o}",
        "{s}",
        "error {o}: is a member of {s}",
    ),
    "a web login that reads everything": (
        roles.memberships,
        "GRANT pg_read_all_data TO {web}",
        "REVOKE pg_read_all_data FROM {web}",
        "{web}",
        "is a member of pg_read_all_data",
    ),
    "an owner login that is a superuser": (
        roles.owner_login,
        "ALTER ROLE {owner} SUPERUSER",
        "ALTER ROLE {owner} NOSUPERUSER",
        "{owner}",
        "warning {owner}: is a superuser",
    ),
    "an owner login that makes no roles": (
        roles.owner_login,
        "ALTER ROLE {owner} NOCREATEROLE",
        "ALTER ROLE {owner} CREATEROLE",
        "{owner}",
        "error {owner}: cannot make tenants' roles",
    ),
}

GRANTS = {
    "a grant on an own table missing": (
        grants.on_tables,
        "REVOKE INSERT ON {s}.orders_order FROM {s}",
        "GRANT INSERT ON {s}.orders_order TO {s}",
        "{s}",
        "error {s}.orders_order: its own role lacks INSERT",
    ),
    "all grants on an own table missing": (
        grants.on_tables,
        "REVOKE ALL ON {s}.orders_order FROM {s}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON {s}.orders_order TO {s}",
        "{s}",
        "its own role lacks DELETE, INSERT, SELECT, UPDATE",
    ),
    "INSERT on a fixed table": (
        grants.on_tables,
        "GRANT INSERT ON {s}.auth_permission TO {s}",
        "REVOKE INSERT ON {s}.auth_permission FROM {s}",
        "{s}",
        "error {s}.auth_permission: its own role has INSERT",
    ),
    "TRUNCATE": (
        grants.on_tables,
        "GRANT TRUNCATE ON {s}.orders_order TO {s}",
        "REVOKE TRUNCATE ON {s}.orders_order FROM {s}",
        "{s}",
        "its own role has TRUNCATE",
    ),
    "a grant that may be handed on": (
        grants.on_tables,
        "GRANT SELECT ON {s}.orders_order TO {s} WITH GRANT OPTION",
        "REVOKE GRANT OPTION FOR SELECT ON {s}.orders_order FROM {s}",
        "{s}",
        "its own role has SELECT WITH GRANT OPTION",
    ),
    "a neighbour's table": (
        grants.on_tables,
        "GRANT SELECT ON {s}.orders_order TO {o}",
        "REVOKE SELECT ON {s}.orders_order FROM {o}",
        "{s}",
        "error {s}.orders_order: {o} has SELECT",
    ),
    "a table of everybody's": (
        grants.on_tables,
        "GRANT SELECT ON {s}.orders_order TO PUBLIC",
        "REVOKE SELECT ON {s}.orders_order FROM PUBLIC",
        "{s}",
        "PUBLIC has SELECT",
    ),
    "a table of the web login's own": (
        grants.on_tables,
        "GRANT SELECT ON {s}.orders_order TO {web}",
        "REVOKE SELECT ON {s}.orders_order FROM {web}",
        "{s}",
        "{web} has SELECT",
    ),
    "a column of the web login's own": (
        grants.on_tables,
        "GRANT SELECT (id) ON {s}.orders_order TO {web}",
        "REVOKE SELECT (id) ON {s}.orders_order FROM {web}",
        "{s}",
        "error {s}.orders_order.id: {web} has SELECT",
    ),
    "a sequence": (
        grants.on_tables,
        "GRANT USAGE ON SEQUENCE {s}.auth_group_id_seq TO {s}",
        "REVOKE USAGE ON SEQUENCE {s}.auth_group_id_seq FROM {s}",
        "{s}",
        "its own role has USAGE",
    ),
    "a table of a role not of ours": (
        grants.on_tables,
        "CREATE ROLE backup; GRANT SELECT ON {s}.orders_order TO backup",
        "REVOKE SELECT ON {s}.orders_order FROM backup; DROP ROLE backup",
        "{s}",
        "warning {s}.orders_order: backup has SELECT and is no role of ours",
    ),
    "a table of public's": (
        grants.on_tables,
        "GRANT SELECT ON public.tenants_tenant TO {s}",
        "REVOKE SELECT ON public.tenants_tenant FROM {s}",
        "tenants_tenant",
        "error public.tenants_tenant: {s} has SELECT",
    ),
    "a table that public's role cannot read": (
        grants.on_tables,
        "REVOKE SELECT ON public.tenants_tenant FROM portal_public",
        "GRANT SELECT ON public.tenants_tenant TO portal_public",
        "tenants_tenant",
        "its own role lacks SELECT",
    ),
    "the template's table": (
        grants.on_tables,
        "GRANT SELECT ON tenant_template.orders_order TO {s}",
        "REVOKE SELECT ON tenant_template.orders_order FROM {s}",
        "tenant_template",
        "{s} has SELECT",
    ),
    "USAGE missing": (
        grants.on_schemas,
        "REVOKE USAGE ON SCHEMA {s} FROM {s}",
        "GRANT USAGE ON SCHEMA {s} TO {s}",
        "{s}",
        "error schema {s}: its own role lacks USAGE",
    ),
    "CREATE": (
        grants.on_schemas,
        "GRANT CREATE ON SCHEMA {s} TO {s}",
        "REVOKE CREATE ON SCHEMA {s} FROM {s}",
        "{s}",
        "its own role has CREATE",
    ),
    "a neighbour's schema": (
        grants.on_schemas,
        "GRANT USAGE ON SCHEMA {s} TO {o}",
        "REVOKE USAGE ON SCHEMA {s} FROM {o}",
        "{s}",
        "error schema {s}: {o} has USAGE",
    ),
    "a schema of the web login's own": (
        grants.on_schemas,
        "GRANT USAGE ON SCHEMA {s} TO {web}",
        "REVOKE USAGE ON SCHEMA {s} FROM {web}",
        "{s}",
        "{web} has USAGE",
    ),
    "public for a tenant": (
        grants.on_schemas,
        "GRANT USAGE ON SCHEMA public TO {s}",
        "REVOKE USAGE ON SCHEMA public FROM {s}",
        "schema public",
        "{s} has USAGE",
    ),
    "public for everybody": (
        grants.on_schemas,
        "GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC",
        "REVOKE USAGE, CREATE ON SCHEMA public FROM PUBLIC",
        "schema public",
        "error schema public: PUBLIC has CREATE, USAGE",
    ),
    "a default privilege missing": (
        grants.by_default,
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {s} REVOKE INSERT ON TABLES FROM {s}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {s} GRANT INSERT ON TABLES TO {s}",
        "{s}",
        "its own role lacks INSERT by default",
    ),
    "all default privileges missing": (
        grants.by_default,
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {s} REVOKE ALL ON TABLES FROM {s}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {s}"
        " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {s}",
        "{s}",
        "its own role lacks DELETE, INSERT, SELECT, UPDATE by default",
    ),
    "a default privilege of everybody's": (
        grants.by_default,
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE SELECT ON TABLES FROM PUBLIC",
        "PUBLIC",
        "PUBLIC has SELECT by default",
    ),
    "a neighbour's later tables": (
        grants.by_default,
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {s} GRANT SELECT ON TABLES TO {o}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {s} REVOKE SELECT ON TABLES FROM {o}",
        "{s}",
        "{o} has SELECT by default",
    ),
    "a right on the catalogue": (
        grants.elsewhere,
        "GRANT SELECT ON pg_authid TO {s}",
        "REVOKE SELECT ON pg_authid FROM {s}",
        "{s}",
        "error {s}: has rights on table pg_authid",
    ),
    "a right of the web login's on another schema": (
        grants.elsewhere,
        "GRANT CREATE ON SCHEMA extensions TO {web}",
        "REVOKE CREATE ON SCHEMA extensions FROM {web}",
        "{web}",
        "has rights on schema extensions",
    ),
    "a right of a tenant's on the database": (
        grants.elsewhere,
        "GRANT CREATE ON DATABASE {database} TO {s}",
        "REVOKE CREATE ON DATABASE {database} FROM {s}",
        "{s}",
        "has rights on database {database}",
    ),
    "a web login that makes schemas": (
        grants.elsewhere,
        "GRANT CREATE ON DATABASE {database} TO {web}",
        "REVOKE CREATE ON DATABASE {database} FROM {web}",
        "{web}",
        "error database {database}: {web} has CREATE",
    ),
    "a database open to everybody": (
        grants.elsewhere,
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO PUBLIC",
        "REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC",
        "PUBLIC",
        "PUBLIC has CONNECT, TEMPORARY",
    ),
}


@pytest.mark.parametrize("what", [*ROLES, *GRANTS])
def test_what_is_missing_or_too_many_is_told(committed, pair, what):
    find, *texts = {**ROLES, **GRANTS}[what]
    names = {"s": pair[0], "o": pair[1], **_NAMES}
    breaking, mending, about, words = (text.format(**names) for text in texts)
    assert told(find, about) == ""
    with broken(breaking, mending):
        assert words in told(find, about)
    assert told(find, about) == ""


def test_the_grants_of_a_missing_role_are_not_told_one_by_one(committed, pair):
    revokes = (
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {pair[0]} FROM {pair[0]};"
        f"REVOKE USAGE ON SCHEMA {pair[0]} FROM {pair[0]}"
    )
    grants_again = (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {pair[0]} TO {pair[0]};"
        f"REVOKE INSERT, UPDATE, DELETE ON {pair[0]}.django_migrations,"
        f" {pair[0]}.django_content_type, {pair[0]}.auth_permission FROM {pair[0]};"
        f"GRANT USAGE ON SCHEMA {pair[0]} TO {pair[0]}"
    )
    with broken(
        f"{revokes}; ALTER ROLE {pair[0]} RENAME TO gone",
        f"ALTER ROLE gone RENAME TO {pair[0]}; {grants_again}",
    ):
        assert "the role is missing" in told(roles.missing, pair[0])
        for find in (grants.on_tables, grants.on_schemas):
            assert "lacks" not in told(find, pair[0])
    assert told(grants.on_tables, pair[0]) + told(grants.on_schemas, pair[0]) == ""


def test_a_closed_tenants_role_may_be_taken_until_its_schema_goes(committed, pair):
    with public_scope():
        Tenant.objects.get(schema_name=pair[0]).change(status=TenantStatus.CLOSED)
    assert told(roles.memberships, pair[0]) == ""
    assert told(roles.memberships, WEB) == ""
