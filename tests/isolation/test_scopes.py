"""Scopes: what each reaches, how far it follows the code, and where there is none."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, connections, transaction

from shared_apps.tenants import scope
from shared_apps.tenants.scope import (
    NoActiveTenant,
    catalogue_scope,
    no_scope,
    owner_scope,
    public_scope,
    tenant_scope,
)
from tenant_apps.products.models import Category


def add(name: str) -> None:
    Category.objects.create(name=name, slug=name)


def names() -> list[str]:
    return list(Category.objects.order_by("name").values_list("name", flat=True))


@pytest.mark.parametrize(
    ("alias", "kind", "schema", "path"),
    [
        ("default", "public", "public", "public, extensions"),
        ("default", "catalogue", "pg_catalog", "pg_catalog"),
        ("owner", "owner", "t_some", "t_some, extensions"),
    ],
)
def test_the_other_scopes_name_themselves_and_their_path(committed, alias, kind, schema, path):
    enter = {
        "public": public_scope,
        "catalogue": catalogue_scope,
        "owner": lambda: owner_scope(schema),
    }
    with enter[kind]() as active, connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_setting('search_path')")
        assert cursor.fetchone() == (path,)
        key = f"owner:{schema}" if kind == "owner" else kind
        assert (active.kind, active.key, active.schema) == (kind, key, schema)
        assert connections[alias].schema_name == schema
        assert connections[alias].tenant is None


def test_a_tenants_scope_names_it(acme):
    active = scope.current()
    assert (active.kind, active.key) == ("tenant", f"tenant:{acme.id}")
    assert (connection.schema_name, connection.tenant) == (acme.schema_name, acme)
    assert scope.active_tenant() == acme


def test_there_is_no_tenant_of_the_running_code_outside_a_tenants_scope():
    with pytest.raises(NoActiveTenant, match=r"^No scope is active: this code needs a tenant,"):
        scope.active_tenant()
    with public_scope(), pytest.raises(NoActiveTenant):
        scope.active_tenant()


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


def test_what_fails_after_a_commit_is_shown_unless_it_is_robust(portal):
    with tenant_scope(portal()):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            connection.on_commit(lambda: 1 / 0)
        with transaction.atomic():
            connection.on_commit(lambda: 1 / 0, robust=True)
        with pytest.raises(TypeError, match="must be a callable"):
            connection.on_commit("no function")


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
