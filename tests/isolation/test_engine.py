"""The engine: every statement names its tenant, or does not run."""

from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import (
    DatabaseError,
    NotSupportedError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.db.utils import InternalError
from django.test.utils import CaptureQueriesContext
from psycopg import sql

from shared_apps.tenants import scope
from shared_apps.tenants.scope import (
    NoActiveTenant,
    WrongScope,
    catalogue_scope,
    owner_scope,
    public_scope,
    tenant_scope,
)
from tenant_apps.products.models import Category


def schema_and_role() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema(), current_user")
        return cursor.fetchone()


def add(name: str) -> None:
    Category.objects.create(name=name, slug=name)


def names() -> list[str]:
    return list(Category.objects.order_by("name").values_list("name", flat=True))


def test_a_statement_runs_in_the_schema_and_as_the_role_of_its_tenant(acme, globex):
    assert schema_and_role() == (acme.schema_name, acme.schema_name)
    with tenant_scope(globex):
        assert schema_and_role() == (globex.schema_name, globex.schema_name)
    with public_scope():
        assert schema_and_role() == ("public", "portal_public")


def test_the_path_is_the_tenants_schema_and_extensions_and_nothing_else(acme):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('search_path')")
        assert cursor.fetchone() == (f"{acme.schema_name}, extensions",)


def test_without_a_scope_nothing_runs(db):
    with pytest.raises(NoActiveTenant, match="a query needs"), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with pytest.raises(NoActiveTenant):
        Category.objects.count()


def test_nothing_of_a_statement_outlives_it(portal):
    with tenant_scope(portal()):
        schema_and_role()
    raw = connection.connection.execute("SELECT current_user, current_setting(%s)", ["search_path"])
    assert raw.fetchone() == ("freehold_web", '"$user", public')


@pytest.mark.parametrize("table", ["products_category", "users_user", "django_session"])
def test_a_neighbours_table_is_permission_denied(acme, globex, table):
    with pytest.raises(ProgrammingError, match="permission denied for schema"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {globex.schema_name}.{table}")


def test_public_tables_are_permission_denied_and_not_on_the_path(acme):
    with pytest.raises(ProgrammingError, match="permission denied for schema public"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM public.tenants_tenant")
    with pytest.raises(ProgrammingError, match="does not exist"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM tenants_tenant")


def test_a_raw_cursor_of_the_driver_is_denied(portal):
    tenant = portal()
    with tenant_scope(tenant):
        add("known")
    for path in (tenant.schema_name, "public"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.connection.execute(f"SELECT * FROM {path}.django_migrations")
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.connection.execute("SELECT * FROM products_category")


def test_a_raw_cursor_cannot_borrow_the_scope_of_the_statement_before(acme, globex):
    add("acme's")
    assert names() == ["acme's"]
    raw = connection.connection
    with tenant_scope(globex):
        for use in (
            lambda: raw.execute("SELECT name FROM products_category"),
            lambda: raw.cursor().execute("SELECT name FROM products_category"),
            lambda: raw.cursor().executemany("SELECT %s", [(1,)]),
            lambda: raw.cursor().copy("COPY products_category TO STDOUT"),
            lambda: raw.cursor().stream("SELECT 1"),
        ):
            with pytest.raises(NotSupportedError, match=r"^Use Django's cursor: this one carries"):
                use()


def test_a_pipeline_is_refused(portal):
    with tenant_scope(portal()):
        add("seen")
        with connection.connection.pipeline():
            with pytest.raises(NotSupportedError, match=r"^A pipeline cannot"):
                names()


def test_fixed_rows_cannot_be_changed_by_a_tenant(acme):
    for table in ("auth_permission", "django_content_type", "django_migrations"):
        with pytest.raises(ProgrammingError, match="permission denied for table"):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {table}")


def test_savepoints_roll_back_to_where_they_were(acme):
    add("kept")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        add("lost")
        1 / 0  # noqa: B018
    with transaction.atomic():
        add("also kept")
    assert names() == ["also kept", "kept"]


def test_an_exception_that_leaves_the_tenant_inside_atomic_shows_its_own_cause(portal):
    tenant = portal()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        with tenant_scope(tenant), transaction.atomic():
            add("lost")
            1 / 0  # noqa: B018
    with tenant_scope(tenant):
        assert names() == []


def test_a_savepoint_needs_no_scope(portal):
    tenant = portal()
    with transaction.atomic():
        with transaction.atomic(), tenant_scope(tenant):
            add("kept")
        with pytest.raises(ZeroDivisionError), transaction.atomic(), tenant_scope(tenant):
            add("lost")
            1 / 0  # noqa: B018
    with tenant_scope(tenant):
        assert names() == ["kept"]


def test_binary_results_are_refused_and_not_ignored(portal):
    with tenant_scope(portal()):
        names()
        for cursor in (connection.cursor().cursor, connection.connection.cursor()):
            for statement in ("SELECT 1", "ROLLBACK"):
                with pytest.raises(psycopg.NotSupportedError, match="binary results"):
                    cursor.execute(statement, binary=True)


def test_in_a_failed_transaction_the_cause_is_shown(acme):
    with transaction.atomic():
        with pytest.raises(ProgrammingError), connection.cursor() as cursor:
            cursor.execute("SELECT nonsense")
        with pytest.raises(InternalError, match="current transaction is aborted"):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        transaction.set_rollback(True)


def test_a_prefix_that_fails_keeps_its_statement_from_running(portal, settings):
    tenant = portal()
    with tenant_scope(tenant):
        add("here")
    gone = scope.Scope(
        "tenant", "tenant:gone", "t_gone", *scope._prefix("t_gone", "t_gone", "extensions")
    )
    with scope.entered(gone), pytest.raises(DatabaseError, match='role "t_gone" does not exist'):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {tenant.schema_name}.products_category")


def test_executemany_is_one_message_and_counts_its_rows(acme):
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO products_category (id, name, slug) VALUES (gen_random_uuid(), %s, %s)",
            [("100%", "a"), ("b;'b", "b"), ("c", "c")],
        )
        assert cursor.rowcount == 3
    assert names() == ["100%", "b;'b", "c"]


def test_executemany_works_in_every_scope_and_for_what_goes_without(portal):
    tenant = portal()
    with owner_scope(tenant.schema_name), connections["owner"].cursor() as cursor:
        cursor.executemany(
            "INSERT INTO products_category (id, name, slug) VALUES (gen_random_uuid(), %s, %s)",
            [("a", "a"), ("b", "b")],
        )
        assert cursor.rowcount == 2
        cursor.executemany("CREATE INDEX CONCURRENTLY probe ON products_category (name)", [()])
        cursor.execute("DROP INDEX CONCURRENTLY probe")
    with tenant_scope(tenant), transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany("SAVEPOINT mark", [()])
        assert names() == ["a", "b"]


def test_executemany_fails_as_a_whole(portal):
    with tenant_scope(portal()):
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO products_category (id, name, slug) VALUES (gen_random_uuid(), %s, %s)",
                [("a", "same"), ("b", "same")],
            )
        assert names() == []


def test_copy_works_inside_a_transaction_and_is_refused_outside(portal):
    tenant = portal()
    with tenant_scope(tenant):
        with pytest.raises(NotSupportedError, match=r"^COPY needs a transaction: use it inside"):
            with connection.cursor() as cursor:
                with cursor.copy("COPY products_category TO STDOUT") as copy:
                    copy.read()
        add("copied")
        with transaction.atomic(), connection.cursor() as cursor:
            with cursor.copy("COPY products_category (name) TO STDOUT") as copy:
                assert b"".join(copy) == b"copied\n"
    other = portal()
    with tenant_scope(other), pytest.raises(psycopg.errors.InsufficientPrivilege):
        with transaction.atomic(), connection.cursor() as cursor:
            with cursor.copy(f"COPY {tenant.schema_name}.products_category TO STDOUT") as copy:
                copy.read()


def test_streaming_and_named_cursors_are_refused(acme):
    with pytest.raises(NotSupportedError, match=r"^stream\(\) cannot carry a scope; read by key"):
        with connection.cursor() as cursor:
            list(cursor.stream("SELECT 1"))
    for make in (connection.create_cursor, connection._cursor):
        with pytest.raises(NotSupportedError, match=r"^A named cursor cannot"):
            make("named")


def test_iterator_reads_everything_of_its_tenant(acme):
    Category.objects.bulk_create(Category(name=f"{n:04}", slug=str(n)) for n in range(2500))
    assert sum(1 for _ in Category.objects.iterator(chunk_size=100)) == 2500


def test_what_refuses_a_transaction_runs_for_the_owner_alone(portal):
    tenant = portal()
    concurrently = "CREATE INDEX CONCURRENTLY probe ON products_category (name)"
    with tenant_scope(tenant), pytest.raises(NotSupportedError, match="owner scope"):
        with connection.cursor() as cursor:
            cursor.execute(concurrently)
    with owner_scope(tenant.schema_name), connections["owner"].cursor() as cursor:
        cursor.execute(concurrently)
        cursor.execute("SELECT schemaname FROM pg_indexes WHERE indexname = 'probe'")
        assert cursor.fetchall() == [(tenant.schema_name,)]
        raw = connections["owner"].connection.execute("SHOW search_path").fetchone()
        assert raw == ('"$user", public',)
        cursor.execute("DROP INDEX CONCURRENTLY probe")


def test_the_web_login_owns_nothing_and_cannot_make_anything(acme):
    for statement in ("CREATE TABLE mine (id int)", "TRUNCATE products_category", "VACUUM FULL"):
        with pytest.raises((ProgrammingError, NotSupportedError)):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)


def test_a_connection_is_usable_while_it_is_open(portal):
    tenant = portal()
    connection.close()
    assert not connection.is_usable()
    with tenant_scope(tenant):
        names()
    assert connection.is_usable()
    connection.connection.close()
    assert not connection.is_usable()


def test_times_come_in_the_connections_own_zone(acme, monkeypatch):
    for zone in ("UTC", "Asia/Tokyo"):
        monkeypatch.setitem(vars(connections["default"]), "timezone", ZoneInfo(zone))
        with connection.cursor() as cursor:
            cursor.execute("SELECT now()")
            assert cursor.fetchone()[0].tzinfo == ZoneInfo(zone)


def test_each_login_serves_its_own_scopes(portal):
    tenant = portal()
    with owner_scope(tenant.schema_name):
        with pytest.raises(WrongScope, match=r"^Connection 'default' does not serve the scope 'o"):
            connection.cursor().execute("SELECT 1")
    with tenant_scope(tenant):
        with pytest.raises(WrongScope, match=r"^Connection 'owner' does not serve the scope 'ten"):
            connections["owner"].cursor().execute("SELECT 1")
    with catalogue_scope(), pytest.raises(ProgrammingError):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM products_category")


def test_django_tenants_own_ways_to_switch_are_refused(acme):
    for switch in (
        lambda: connection.set_tenant(acme),
        lambda: connection.set_schema(acme.schema_name),
        lambda: connection.set_schema_to_public(),
    ):
        with pytest.raises(WrongScope, match=r"^Enter"):
            switch()


def test_query_capture_and_logs_show_the_statement_without_its_prefix(acme):
    with CaptureQueriesContext(connection) as queries:
        list(Category.objects.filter(name="x%"))
    assert len(queries) == 1
    assert queries[0]["sql"].startswith('SELECT "products_category"')
    assert "x%" in queries[0]["sql"]


def test_query_capture_does_not_hide_why_a_statement_was_not_sent(db):
    with CaptureQueriesContext(connection), pytest.raises(NoActiveTenant):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    with CaptureQueriesContext(connection), pytest.raises(ProgrammingError, match="1 placeholder"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", [1, 2])


def test_a_statement_may_be_text_bytes_or_composed(acme):
    text = "SELECT current_schema()"
    for statement in (text, text.encode(), sql.SQL(text)):
        with connection.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.fetchone() == (acme.schema_name,)


def test_an_empty_statement_does_no_harm(portal):
    with tenant_scope(portal()), connection.cursor() as cursor:
        cursor.execute("-- nothing")
        cursor.execute("SELECT 7")
        assert cursor.fetchone() == (7,)
    with owner_scope(), connections["owner"].cursor() as cursor:
        cursor.execute("-- nothing")
