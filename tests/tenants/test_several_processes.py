"""Several web server processes: each knows of a change within a second of its commit."""

import time
from contextlib import ExitStack

import pytest

from config.embedded import free_port
from shared_apps.tenants.models import Domain, Tenant, TenantStatus
from shared_apps.tenants.scope import public_scope, tenant_scope
from tenant_apps.users.models import CatalogueReaders, PortalSettings
from tests.stack.running import Http, until, web

PROCESSES = 3


@pytest.fixture
def servers(committed, tmp_path):
    """Run several servers; return their ports."""
    with ExitStack() as stack:
        ports = [free_port() for _ in range(PROCESSES)]
        for port in ports:
            stack.enter_context(web(port, tmp_path / f"log{port}", threads=2))
        yield ports


def all_say(ports, host: str, path: str, status: int) -> bool:
    return {Http(port, host).get(path).status for port in ports} == {status}


def within_a_second(ports, host: str, path: str, status: int) -> None:
    started = time.monotonic()
    until(lambda: all_say(ports, host, path, status), 3, f"{status} of {host}{path}")
    assert time.monotonic() - started < 1


def test_every_process_knows_within_a_second(portal, servers):
    tenant = portal()
    host, path = tenant.primary_host, "/api/products/"
    assert all_say(servers, host, path, 200)
    with public_scope():
        row = Tenant.objects.get(pk=tenant.id)
        row.move_to(TenantStatus.SUSPENDED)
    within_a_second(servers, host, path, 403)
    with public_scope():
        row.move_to(TenantStatus.ACTIVE)
    within_a_second(servers, host, path, 200)
    with tenant_scope(tenant):
        settings = PortalSettings.objects.get()
        settings.catalogue_readers = CatalogueReaders.MEMBERS
        settings.store()
    within_a_second(servers, host, path, 401)
    with public_scope():
        Domain.objects.filter(host=host).update(host=f"renamed-{host}")
        row.change()
    within_a_second(servers, host, path, 404)
    assert all_say(servers, f"renamed-{host}", path, 401)
