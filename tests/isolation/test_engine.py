"""The engine: every statement names its tenant, or does not run."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from asgiref.sync import async_to_sync, sync_to_async
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

from shared_apps.tenants import scope
from shared_apps.tenants.scope import (
    NoActiveTenant,
    WrongScope,
    catalogue_scope,
    no_scope,
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
    with pytest.raises(NoActiveTenant), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with pytest.raises(NoActiveTenant):
        Category.objects.count()


def test_nothing_of_a_statement_outlives_it(portal):
    with tenant_scope(portal()):
        schema_and_role()
    raw = connection.connection.execute("SELECT current_user, current_setting('search_path')")
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
            with pytest.raises(NotSupportedError):
                use()


def test_a_pipeline_is_refused(portal):
    with tenant_scope(portal()):
        add("seen")
        with connection.connection.pipeline(), pytest.raises(NotSupportedError):
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
    with scope._entered(gone), pytest.raises(DatabaseError, match='role "t_gone" does not exist'):
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
        with pytest.raises(NotSupportedError), connection.cursor() as cursor:
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
    with pytest.raises(NotSupportedError), connection.cursor() as cursor:
        list(cursor.stream("SELECT 1"))
    with pytest.raises(NotSupportedError):
        connection.create_cursor("named")


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


def test_on_commit_runs_in_the_scope_it_was_asked_for_in(portal):
    tenant = portal()
    seen: list[str | None] = []

    def look() -> None:
        seen.append(scope.current_key())

    with public_scope(), transaction.atomic():
        with tenant_scope(tenant):
            transaction.on_commit(look)
            add("committed")
        transaction.on_commit(look, robust=True)
    assert seen == [f"tenant:{tenant.id}", "public"]


def test_a_transaction_may_span_scopes_and_commits_as_one(portal):
    first, second = portal(), portal()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        with tenant_scope(first):
            add("one")
        with tenant_scope(second):
            add("two")
        1 / 0  # noqa: B018
    for tenant in (first, second):
        with tenant_scope(tenant):
            assert names() == []


def test_each_login_serves_its_own_scopes(portal):
    tenant = portal()
    with owner_scope(tenant.schema_name), pytest.raises(WrongScope):
        connection.cursor().execute("SELECT 1")
    with tenant_scope(tenant), pytest.raises(WrongScope):
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
        with pytest.raises(WrongScope):
            switch()


def test_query_capture_and_logs_show_the_statement_without_its_prefix(acme):
    with CaptureQueriesContext(connection) as queries:
        list(Category.objects.filter(name="x%"))
    assert len(queries) == 1
    assert queries[0]["sql"].startswith('SELECT "products_category"')
    assert "x%" in queries[0]["sql"]


def test_an_empty_statement_does_no_harm(acme):
    with connection.cursor() as cursor:
        cursor.execute("-- nothing")
        cursor.execute("SELECT 7")
        assert cursor.fetchone() == (7,)


def test_a_new_thread_has_no_scope(acme):
    errors: list[BaseException] = []

    def work() -> None:
        try:
            Category.objects.count()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [type(error) for error in errors] == [NoActiveTenant]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(scope.current_key).result() is None


def test_the_scope_follows_into_sync_to_async(acme):
    assert async_to_sync(sync_to_async(scope.current_key))() == f"tenant:{acme.id}"
    with no_scope():
        assert async_to_sync(sync_to_async(scope.current_key))() is None


@pytest.mark.parametrize("name", ["$user", "a b", 'x"; DROP', "..", "acmе", "", "T_ABC"])
def test_a_schema_name_that_is_not_ours_never_reaches_sql(name):
    with pytest.raises(ValueError, match="Not a schema or role name of ours"):
        owner_scope(name)
