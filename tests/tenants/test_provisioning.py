"""Schemas: equal to the template, with a role of their own, and gone when dropped."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, connections, transaction

from shared_apps.tenants.models import Tenant, TenantStatus, new_schema_name
from shared_apps.tenants.provisioning import pool
from shared_apps.tenants.provisioning.cluster import FIXED_TABLES
from shared_apps.tenants.provisioning.fleet import lagging_schemas, migrate_fleet, migrate_tenant
from shared_apps.tenants.provisioning.replay import close_tenants, make_schema, provision
from shared_apps.tenants.provisioning.template import (
    TEMPLATE_SCHEMA,
    load_template,
    migrate_schema,
    template_version,
)
from shared_apps.tenants.scope import owner_scope, public_scope, tenant_scope
from tenant_apps.users.built_in_roles import BUILT_IN_ROLES, GRANTABLE
from tenant_apps.users.models import Role
from tests.benchmarks.provisioning import catalogue_of, structure_of


def owner_rows(statement: str, *params: object) -> list[tuple[object, ...]]:
    with owner_scope(), connections["owner"].cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


def schema_of(tenant_id: object) -> str:
    with public_scope():
        return Tenant.objects.get(pk=tenant_id).schema_name


def test_a_replayed_schema_is_what_migrations_make(committed):
    migrated = new_schema_name()
    with owner_scope(), connections["owner"].cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {migrated}")
    migrate_schema(migrated)

    def structure(schema: str) -> list[str]:
        # A CHECK that was dumped and read again has its casts in other places.
        return [re.sub(r"::(character varying|text)|[()\[\]]", "", s) for s in structure_of(schema)]

    assert structure(schema_of(provision())) == structure(migrated)


def test_the_first_and_the_last_schema_are_equal(committed):
    first, *_, last = [schema_of(provision()) for _ in range(5)]
    assert catalogue_of(first) == catalogue_of(last)
    assert len(catalogue_of(first)) > 200


def test_all_tenants_have_the_templates_content_types_and_permissions(portal):
    def fixed() -> tuple[list[object], list[object]]:
        return (
            list(ContentType.objects.order_by("pk").values_list("pk", "app_label", "model")),
            list(Permission.objects.order_by("pk").values_list("pk", "codename")),
        )

    with owner_scope(TEMPLATE_SCHEMA):
        template = fixed()
    for tenant in (portal(), portal()):
        with tenant_scope(tenant):
            assert fixed() == template
    assert len(template[1]) > 50


def test_no_permission_of_a_shared_app_exists_in_a_tenant(acme):
    shared = {"tenants", "plans", "billing"}
    assert not ContentType.objects.filter(app_label__in=shared).exists()
    assert not {code.split(".")[0] for code in GRANTABLE} & shared


def test_every_tenant_has_the_built_in_roles_of_the_table(acme):
    for name, (pk, rank, _, codes) in BUILT_IN_ROLES.items():
        role = Role.objects.get(pk=pk)
        assert (role.code, role.rank, role.is_built_in) == (name, rank, True)
        held = {f"{p.content_type.app_label}.{p.codename}" for p in role.permissions.all()}
        assert held == set(codes)
    assert Role.objects.create(name="Own").pk >= 1000


def test_a_tenants_role_may_reach_its_own_schema_and_cannot_log_in(committed):
    schema = schema_of(provision())
    assert owner_rows("SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = %s", schema) == [
        (False, False)
    ]
    assert owner_rows(
        "SELECT count(*) FROM pg_namespace WHERE has_schema_privilege(%s, nspname, 'USAGE')"
        " AND (nspname LIKE 't\\_%%' OR nspname IN ('public', 'tenant_template'))",
        schema,
    ) == [(1,)]
    for privilege, expected in (("SELECT", True), ("UPDATE", False), ("TRUNCATE", False)):
        for table in FIXED_TABLES:
            assert owner_rows(
                "SELECT has_table_privilege(%s, %s, %s)", schema, f"{schema}.{table}", privilege
            ) == [(expected,)]


def test_the_owner_login_is_no_superuser(committed):
    assert owner_rows(
        "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    ) == [(False, False)]


def test_an_existing_schema_is_never_adopted(portal):
    tenant = portal()
    with pytest.raises(ProgrammingError, match="already exists"):
        with owner_scope(), transaction.atomic(using="owner"):
            make_schema(tenant.schema_name, load_template(), FIXED_TABLES)
    with tenant_scope(tenant):
        assert Role.objects.exists()


def test_a_schema_that_lost_its_role_is_not_adopted_either(committed):
    left = 'schema "t_left" already exists'
    with pytest.raises(ProgrammingError, match=left), owner_scope():
        with transaction.atomic(using="owner"):
            with connections["owner"].cursor() as cursor:
                cursor.execute("CREATE SCHEMA t_left")
            make_schema("t_left", load_template(), FIXED_TABLES)


def test_a_failure_leaves_neither_schema_nor_role_nor_row(committed, monkeypatch):
    monkeypatch.setattr("shared_apps.tenants.provisioning.replay.failpoint", lambda name: 1 / 0)
    before = (
        owner_rows("SELECT count(*) FROM pg_namespace"),
        owner_rows("SELECT count(*) FROM pg_roles"),
    )
    with pytest.raises(ZeroDivisionError):
        provision()
    assert before == (
        owner_rows("SELECT count(*) FROM pg_namespace"),
        owner_rows("SELECT count(*) FROM pg_roles"),
    )


def test_claiming_takes_each_tenant_once(committed):
    pool.fill(2)
    with public_scope(), transaction.atomic():
        first, second = pool.claim(name="a"), pool.claim(name="b")
        assert first.pk != second.pk
        transaction.set_rollback(True)
    with public_scope():
        assert Tenant.objects.ready().filter(pk__in=[first.pk, second.pk]).count() == 2


def test_a_closed_tenant_loses_schema_and_role_and_keeps_its_name_blocked(portal):
    tenant = portal()
    with public_scope():
        row = Tenant.objects.get(pk=tenant.id)
        row.move_to(TenantStatus.CLOSING)
        row.move_to(TenantStatus.CLOSED)
    assert close_tenants() >= 1
    assert owner_rows("SELECT 1 FROM pg_namespace WHERE nspname = %s", tenant.schema_name) == []
    assert owner_rows("SELECT 1 FROM pg_roles WHERE rolname = %s", tenant.schema_name) == []
    with public_scope():
        row.refresh_from_db()
        assert row.dropped_at is not None
        assert row.domains.exists()
    assert close_tenants() == 0


def test_a_tenant_that_has_just_closed_keeps_its_schema_for_a_while(portal, settings):
    tenant = portal()
    with public_scope():
        row = Tenant.objects.get(pk=tenant.id)
        row.move_to(TenantStatus.CLOSING)
        row.move_to(TenantStatus.CLOSED)
    settings.DRAIN_SECONDS = 60
    assert close_tenants() == 0
    assert owner_rows("SELECT 1 FROM pg_namespace WHERE nspname = %s", tenant.schema_name)
    settings.DRAIN_SECONDS = 0
    assert close_tenants() == 1


def test_the_fleet_brings_a_lagging_tenant_up_to_the_template(portal):
    tenant = portal()
    with owner_scope(tenant.schema_name), connections["owner"].cursor() as cursor:
        cursor.execute("DROP TABLE products_favorite CASCADE")
        cursor.execute(
            "DELETE FROM django_migrations WHERE app = 'orders';"
            "DROP TABLE orders_orderitem, orders_order, orders_ordercounter, orders_cartitem,"
            " orders_orderpersongrant, orders_orderrolegrant;"
            "DELETE FROM auth_group_permissions WHERE group_id = 4"
        )
        cursor.execute(f"COMMENT ON SCHEMA {tenant.schema_name} IS 'old'")
    assert lagging_schemas() == [tenant.schema_name]
    migrate_tenant(tenant.schema_name)
    assert lagging_schemas() == []
    with public_scope():
        kept = Tenant.objects.get(pk=tenant.id).cache_generation
    assert kept != tenant.cache_generation, "what a migration writes is not found in the cache"
    with tenant_scope(tenant), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders_order")
        assert Role.objects.get(code="staff").permissions.count() > 3


def test_a_tenant_that_cannot_be_migrated_is_reported_and_stops_no_other(portal):
    broken, lagging = portal(), portal()
    for tenant in (broken, lagging):
        with owner_scope(tenant.schema_name), connections["owner"].cursor() as cursor:
            cursor.execute(f"COMMENT ON SCHEMA {tenant.schema_name} IS 'old'")
    with owner_scope(broken.schema_name), connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'orders'")
    report = migrate_fleet()
    assert set(report.failed) == {broken.schema_name}
    assert "already exists" in report.failed[broken.schema_name]
    assert lagging.schema_name in report.migrated
    with pytest.raises(CommandError, match=broken.schema_name):
        call_command("migrate", verbosity=0)
    with public_scope():
        Tenant.objects.get(pk=broken.id).change(status=TenantStatus.CLOSED)
    assert close_tenants() == 1


def test_migrating_again_changes_nothing(committed):
    version = template_version()
    report = migrate_fleet()
    assert (report.migrated, report.failed, template_version()) == ([], {}, version)


def test_an_empty_tenant_is_light(committed):
    schema = schema_of(provision())
    [(relations, tables)] = owner_rows(
        "SELECT count(*), count(*) FILTER (WHERE relkind = 'r') FROM pg_class"
        " WHERE relnamespace = %s::regnamespace",
        schema,
    )
    assert relations <= 6 * tables


def test_no_index_repeats_what_another_gives(committed):
    rows = owner_rows(
        "SELECT a.indexrelid::regclass::text, b.indexrelid::regclass::text"
        " FROM pg_index a JOIN pg_index b USING (indrelid)"
        " JOIN pg_class c ON c.oid = a.indrelid"
        " WHERE c.relnamespace = 'tenant_template'::regnamespace AND a.indexrelid <> b.indexrelid"
        " AND a.indkey::text = b.indkey::text AND a.indclass = b.indclass"
        " AND a.indpred IS NOT DISTINCT FROM b.indpred AND a.indexprs IS NULL"
        " AND b.indexprs IS NULL AND NOT a.indisunique"
    )
    assert rows == []
    assert owner_rows("SELECT 1 FROM pg_indexes WHERE indexname LIKE '%%\\_like'") == []


def test_foreign_keys_are_checked_at_once_and_never_leave_the_schema(committed):
    assert (
        owner_rows("SELECT conname FROM pg_constraint WHERE contype = 'f' AND condeferrable") == []
    )
    assert (
        owner_rows(
            "SELECT conname FROM pg_constraint JOIN pg_class f ON f.oid = confrelid"
            " WHERE contype = 'f' AND f.relnamespace <> connamespace"
        )
        == []
    )


def test_every_table_has_a_primary_key_and_short_names(committed):
    assert (
        owner_rows(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'tenant_template'::regnamespace AND NOT EXISTS ("
            " SELECT FROM pg_constraint WHERE conrelid = pg_class.oid AND contype = 'p')"
        )
        == []
    )


def test_whatever_a_tenants_data_does_to_a_migration_the_others_go_on(portal, monkeypatch):
    from shared_apps.tenants.provisioning import fleet

    broken, lagging = portal(), portal()
    for tenant in (broken, lagging):
        with owner_scope(tenant.schema_name), connections["owner"].cursor() as cursor:
            cursor.execute(f"COMMENT ON SCHEMA {tenant.schema_name} IS 'old'")
    original = fleet.migrate_tenant

    def migrate(schema: str) -> None:
        if schema == broken.schema_name:
            raise KeyError("odd data")
        original(schema)

    monkeypatch.setattr(fleet, "migrate_tenant", migrate)
    report = migrate_fleet()
    assert "KeyError" in report.failed[broken.schema_name]
    assert lagging.schema_name in report.migrated
    original(broken.schema_name)


def test_the_provisioner_outlives_a_failure(committed, monkeypatch):
    rounds: list[int] = []

    def closing() -> int:
        rounds.append(1)
        if len(rounds) == 1:
            raise RuntimeError("connection lost")
        return 0

    monkeypatch.setattr(pool, "close_tenants", closing)
    monkeypatch.setattr(pool.time, "sleep", lambda seconds: None)
    pool.keep(2, lambda: len(rounds) >= 2)
    assert len(rounds) == 2
