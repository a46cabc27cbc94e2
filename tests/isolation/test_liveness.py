"""Connections that wait in the pool."""

import random

import psycopg
from django.db import connection

from shared_apps.tenants.scope import tenant_scope
from tests.services import socket_folder


def backend() -> int:
    """Return the server process of this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_a_connection_that_was_ended_in_the_pool_is_not_given_out(portal):
    with tenant_scope(portal()):
        ended = backend()
        connection.close()  # back to the pool
        with psycopg.connect(f"host={socket_folder()} user=postgres", autocommit=True) as raw:
            raw.execute("SELECT pg_terminate_backend(%s, 5000)", [ended])
        # As many as the pool has, in turn.
        for _ in range(10):
            assert backend() != ended
            connection.close()


def test_a_connection_that_has_served_many_tenants_is_replaced(portal, settings):
    settings.DB_SCHEMAS_A_CONNECTION = 3
    portals = [portal() for _ in range(3)]
    connection.close()

    def served_by(tenant) -> int:
        try:
            with tenant_scope(tenant):
                return backend()
        finally:
            connection.close()  # back to the pool

    served: dict[int, set[str]] = {}
    order = random.Random(1)
    for _ in range(60):
        tenant = order.choice(portals)
        schemas = served.setdefault(served_by(tenant), set())
        assert len(schemas) < 3, "it was given out again"
        schemas.add(tenant.schema_name)
    assert max(map(len, served.values())) == 3
    assert len(served) > 4
