"""A tenant is closed and dropped while it is asked: each answer is its own or says it is gone."""

import threading

from config.embedded import free_port
from shared_apps.tenants.models import Tenant, TenantStatus
from shared_apps.tenants.provisioning.replay import close_tenants
from shared_apps.tenants.scope import public_scope
from tests.isolation.shops import asks_of, open_shops
from tests.isolation.traffic import Outcome, run
from tests.stack.running import until, web


def close(tenant) -> None:
    with public_scope():
        row = Tenant.objects.get(pk=tenant.id)
        row.move_to(TenantStatus.CLOSING)
        row.move_to(TenantStatus.CLOSED)


def test_whoever_asks_a_portal_that_is_being_dropped_gets_its_rows_or_a_404(
    portal, tmp_path, settings
):
    leaving, staying = open_shops(portal)
    settings.DRAIN_SECONDS = 2
    port = free_port()
    outcomes: list[Outcome] = []
    seen: dict[str, set[int]] = {leaving.primary_host: set(), staying.primary_host: set()}
    with web(port, tmp_path / "log", DB_POOL_SIZE="4"):
        asks = asks_of(port, [leaving, staying])

        def ask() -> None:
            outcomes.append(
                run(port, asks, 1500, seen=lambda host, status, text: seen[host].add(status))
            )

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: seen[leaving.primary_host], 10, "the first answers")
        close(leaving)
        until(close_tenants, 10, "the end of the drain")
        asking.join()
    [outcome] = outcomes
    assert (outcome.foreign, outcome.failed) == (0, 0)
    assert seen[staying.primary_host] <= {200, 201}
    assert 404 in seen[leaving.primary_host]
    assert seen[leaving.primary_host] <= {200, 201, 403, 404}
