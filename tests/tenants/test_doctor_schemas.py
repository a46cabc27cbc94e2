"""The doctor on schemas: each test breaks one thing, is told of it, and mends it."""

import pytest

from config.embedded import OWNER, WEB
from shared_apps.tenants.diagnosis import (
    fixed_rows,
    orphans,
    ownership,
    structure,
    versions,
)
from shared_apps.tenants.provisioning.template import template_version
from tests.tenants.breaking import broken, drop, superuser, told

# Breaking, mending, what is told. {s} is the schema and role of a tenant, {o} of another.
STRUCTURE = {
    "a column too many": (
        "ALTER TABLE {s}.orders_order ADD extra int",
        "ALTER TABLE {s}.orders_order DROP extra",
        "column orders_order.extra is not in the template",
    ),
    "a column missing": (
        "ALTER TABLE {s}.products_product RENAME stock TO amount",
        "ALTER TABLE {s}.products_product RENAME amount TO stock",
        "column products_product.stock is missing",
    ),
    "a column of another type": (
        "ALTER TABLE {s}.products_product ALTER stock TYPE bigint",
        "ALTER TABLE {s}.products_product ALTER stock TYPE integer",
        "column products_product.stock is `bigint NOT NULL`, in the template `integer NOT NULL`",
    ),
    "a column that may be empty": (
        "ALTER TABLE {s}.products_product ALTER stock DROP NOT NULL",
        "ALTER TABLE {s}.products_product ALTER stock SET NOT NULL",
        "column products_product.stock is `integer`",
    ),
    "another default": (
        "ALTER TABLE {s}.products_product ALTER stock SET DEFAULT 7",
        "ALTER TABLE {s}.products_product ALTER stock DROP DEFAULT",
        "column products_product.stock is `integer NOT NULL DEFAULT 7`",
    ),
    "a constraint missing": (
        "ALTER TABLE {s}.products_product RENAME CONSTRAINT {check} TO other",
        "ALTER TABLE {s}.products_product RENAME CONSTRAINT other TO {check}",
        "constraint {check} of products_product is missing",
    ),
    "a constraint weakened": (
        "ALTER TABLE {s}.products_product DROP CONSTRAINT {check},"
        " ADD CONSTRAINT {check} CHECK (stock >= -5)",
        "ALTER TABLE {s}.products_product DROP CONSTRAINT {check},"
        " ADD CONSTRAINT {check} CHECK (stock >= 0)",
        "constraint {check} of products_product is `CHECK ((stock >= '-5'::integer))`",
    ),
    "an index too many": (
        "CREATE INDEX extra ON {s}.products_product (stock)",
        "DROP INDEX {s}.extra",
        "index extra of products_product is not in the template",
    ),
    "an index that is not valid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{s}.{index}'::regclass",
        "UPDATE pg_index SET indisvalid = true WHERE indexrelid = '{s}.{index}'::regclass",
        "INVALID`, in the template",
    ),
    "a table missing": (
        "ALTER TABLE {s}.products_favorite RENAME TO favorite",
        "ALTER TABLE {s}.favorite RENAME TO products_favorite",
        "table products_favorite is missing",
    ),
    "row security": (
        "ALTER TABLE {s}.orders_order ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE {s}.orders_order DISABLE ROW LEVEL SECURITY",
        "table orders_order is `r p t f`, in the template `r p f f`",
    ),
    "a trigger": (
        "CREATE TRIGGER extra BEFORE UPDATE ON {s}.orders_order FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "DROP TRIGGER extra ON {s}.orders_order",
        "trigger extra of orders_order is not in the template",
    ),
}
NAMES = {"check": "products_product_stock_check", "index": "product_newest"}


@pytest.mark.parametrize("what", STRUCTURE)
def test_drift_of_structure_is_told_though_the_version_is_right(committed, pair, what):
    breaking, mending, words = (text.format(s=pair[0], **NAMES) for text in STRUCTURE[what])
    assert told(structure.drift, pair[0]) == ""
    with broken(breaking, mending):
        assert words in told(structure.drift, pair[0])
        assert told(structure.drift, pair[1]) == ""
    assert told(structure.drift, pair[0]) == ""


def test_a_missing_table_is_told_once_and_not_by_its_columns(committed, pair):
    breaking, mending, _ = (text.format(s=pair[0]) for text in STRUCTURE["a table missing"])
    with broken(breaking, mending):
        assert sorted(told(structure.drift, pair[0]).splitlines()) == [
            f"error {pair[0]}: table favorite is not in the template",
            f"error {pair[0]}: table products_favorite is missing",
        ]


def test_a_difference_that_many_have_is_told_once(committed, pair):
    drops = [f"ALTER TABLE {schema}.orders_order DROP extra" for schema in pair]
    adds = [f"ALTER TABLE {schema}.orders_order ADD extra int" for schema in pair]
    with broken(";".join(adds), ";".join(drops)):
        assert told(structure.drift, "orders_order.extra").splitlines() == [
            f"error {', '.join(sorted(pair))}: column orders_order.extra is not in the template"
        ]


def test_a_schema_that_lags_is_told_by_its_version_and_not_by_its_structure(committed, pair):
    with broken(
        f"COMMENT ON SCHEMA {pair[0]} IS 'old'; ALTER TABLE {pair[0]}.orders_order ADD extra int",
        f"COMMENT ON SCHEMA {pair[0]} IS '{template_version()}';"
        f"ALTER TABLE {pair[0]}.orders_order DROP extra",
    ):
        assert "lags behind the template" in told(versions.lagging_tenants, pair[0])
        assert told(structure.drift, pair[0]) == ""
    assert told(versions.lagging_tenants, pair[0]) == ""


# find, breaking, mending, whom it is about, what is told.
SCHEMAS = {
    "a schema missing": (
        versions.missing_schemas,
        "ALTER SCHEMA {s} RENAME TO gone",
        "ALTER SCHEMA gone RENAME TO {s}",
        "{s}",
        "the tenant has no schema",
    ),
    "a migration outstanding": (
        versions.outstanding_migrations,
        "UPDATE public.django_migrations SET name = name || '_x' WHERE app = 'billing'",
        "UPDATE public.django_migrations SET name = left(name, -2) WHERE app = 'billing'",
        "public",
        "(billing.0001_initial, ",
    ),
    "a template changed by hand": (
        versions.changed_template,
        "INSERT INTO tenant_template.auth_group (id, name) VALUES (999, 'x')",
        "DELETE FROM tenant_template.auth_group WHERE id = 999",
        "tenant_template",
        "are not those of its version",
    ),
    "another content type's id": (
        fixed_rows.drift,
        "SET session_replication_role = replica;"
        "UPDATE {s}.django_content_type SET id = 9000 WHERE id = 1",
        "SET session_replication_role = replica;"
        "UPDATE {s}.django_content_type SET id = 1 WHERE id = 9000",
        "{s}",
        "lacks of the template's rows: content type 1 ",
    ),
    "another permission's code": (
        fixed_rows.drift,
        "UPDATE {s}.auth_permission SET codename = 'x' || codename WHERE id = 1",
        "UPDATE {s}.auth_permission SET codename = substr(codename, 2) WHERE id = 1",
        "{s}",
        "has other rows than the template: permission 1 x",
    ),
    "a migration too many": (
        fixed_rows.drift,
        "INSERT INTO {s}.django_migrations (app, name, applied) VALUES ('x', '0009_x', now())",
        "DELETE FROM {s}.django_migrations WHERE app = 'x'",
        "{s}",
        "migration x.0009_x",
    ),
    "a tenant's permission in public": (
        fixed_rows.of_the_code,
        "INSERT INTO public.django_content_type (app_label, model) VALUES ('orders', 'order')",
        "DELETE FROM public.django_content_type WHERE app_label = 'orders'",
        "public",
        "has content type orders.order, of apps that have no tables there",
    ),
    "a shared app's content type in the template": (
        fixed_rows.of_the_code,
        "INSERT INTO tenant_template.django_content_type (app_label, model)"
        " VALUES ('tenants', 'domain')",
        "DELETE FROM tenant_template.django_content_type WHERE app_label = 'tenants'",
        "tenant_template",
        "has content type tenants.domain, of apps",
    ),
    "a permission of public missing": (
        fixed_rows.of_the_code,
        "UPDATE public.auth_permission SET codename = 'x' WHERE codename = 'view_domain'",
        "UPDATE public.auth_permission SET codename = 'view_domain' WHERE codename = 'x'",
        "public",
        "lacks permission tenants.view_domain",
    ),
    "a table of the web login's": (
        ownership.of_the_rightless,
        "ALTER TABLE {s}.orders_order OWNER TO {web}",
        "ALTER TABLE {s}.orders_order OWNER TO {owner}",
        "{s}",
        "error {web}: owns table {s}.orders_order",
    ),
    "a table of a tenant's role's": (
        ownership.of_the_rightless,
        "ALTER TABLE {s}.orders_order OWNER TO {o}",
        "ALTER TABLE {s}.orders_order OWNER TO {owner}",
        "{s}",
        "error {o}: owns table {s}.orders_order",
    ),
    "a table that the owner does not own": (
        ownership.of_the_owner,
        "ALTER TABLE {s}.orders_order OWNER TO postgres",
        "ALTER TABLE {s}.orders_order OWNER TO {owner}",
        "{s}",
        "{s}.orders_order: is owned by postgres",
    ),
    "a schema that the owner does not own": (
        ownership.of_the_owner,
        "ALTER SCHEMA {s} OWNER TO postgres",
        "ALTER SCHEMA {s} OWNER TO {owner}",
        "{s}",
        "schema {s}: is owned by postgres",
    ),
    "an extension out of reach": (
        ownership.extensions,
        "ALTER EXTENSION unaccent SET SCHEMA public",
        "ALTER EXTENSION unaccent SET SCHEMA extensions",
        "unaccent",
        "is in schema public",
    ),
    "an extension missing": (
        ownership.extensions,
        # To drop it, what the tenants' columns are made with would have to go first.
        "UPDATE pg_extension SET extname = 'gone' WHERE extname = 'unaccent'",
        "UPDATE pg_extension SET extname = 'unaccent' WHERE extname = 'gone'",
        "extension unaccent",
        "is missing",
    ),
    "the text search configuration missing": (
        ownership.extensions,
        "ALTER TEXT SEARCH CONFIGURATION extensions.freehold RENAME TO gone",
        "ALTER TEXT SEARCH CONFIGURATION extensions.gone RENAME TO freehold",
        "text search configuration freehold",
        "is missing",
    ),
    "a schema without a tenant": (
        orphans.schemas,
        "CREATE SCHEMA t_orphanorphan",
        "DROP SCHEMA t_orphanorphan",
        "t_orphanorphan",
        "error t_orphanorphan: the schema belongs to no tenant",
    ),
    "a role without a schema": (
        orphans.roles,
        "CREATE ROLE t_orphanorphan",
        "DROP ROLE t_orphanorphan",
        "t_orphanorphan",
        "warning t_orphanorphan: the role has no schema",
    ),
}


@pytest.mark.parametrize("what", SCHEMAS)
def test_what_is_wrong_with_a_schema_is_told(committed, pair, what):
    find, *texts = SCHEMAS[what]
    names = {"s": pair[0], "o": pair[1], "web": WEB, "owner": OWNER}
    breaking, mending, about, words = (text.format(**names) for text in texts)
    assert told(find, about) == ""
    with broken(breaking, mending):
        assert words in told(find, about)
    assert told(find, about) == ""


def test_a_schema_that_was_dropped_and_is_there_again_is_told(portal):
    tenant = portal()
    drop(tenant.id)
    schema = tenant.schema_name
    with broken(f"CREATE SCHEMA {schema}", f"DROP SCHEMA {schema}"):
        assert "the schema is of a closed tenant" in told(orphans.schemas, schema)
    assert told(orphans.schemas, schema) == ""


def test_a_role_that_another_database_uses_is_no_orphan(committed):
    role = "t_elsewhereabc"
    try:
        superuser(f"CREATE DATABASE elsewhere; CREATE ROLE {role}")
        superuser(f"CREATE SCHEMA {role} AUTHORIZATION {role}", database="elsewhere")
        assert told(orphans.roles, role) == ""
    finally:
        superuser(f"DROP DATABASE elsewhere; DROP ROLE {role}")


def test_a_tenant_without_a_domain_or_a_primary_one_is_told(portal):
    lost, other = portal(), portal()
    its = f"UPDATE public.tenants_domain SET is_primary = {{}} WHERE host = '{lost.primary_host}'"
    assert told(orphans.domains, lost.schema_name) == ""
    with broken(its.format("false"), its.format("true")):
        assert "has 0 primary domains" in told(orphans.domains, lost.schema_name)
    to = its.replace("is_primary", "tenant_id").format("'{}'")
    with broken(
        f"{its.format('false')}; {to.format(other.id)}",
        f"{to.format(lost.id)}; {its.format('true')}",
    ):
        assert "has no domain" in told(orphans.domains, lost.schema_name)
    assert told(orphans.domains, lost.schema_name) == ""
