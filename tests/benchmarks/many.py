"""Many portals, small and alike, and what processes weigh."""

from pathlib import Path

from billing import signing_up
from shared_apps.plans.models import Plan
from shared_apps.tenants.provisioning import pool
from shared_apps.tenants.scope import public_scope, tenant_scope
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import CatalogueReaders, PortalSettings

PRODUCTS = 20
_made: list[str] = []


def portals(many: int) -> list[str]:
    """Return the hosts of so many portals with a page of products that anyone reads."""
    while len(_made) < many:
        if len(_made) % pool.SCHEMAS_A_CONNECTION == 0:
            pool.fill(pool.SCHEMAS_A_CONNECTION)
        name = f"bench-{len(_made)}"
        with public_scope():
            plan = Plan.objects.get(code="business")
            claimed = signing_up._claim(name, "Bench", f"{name}@bench.example", "!", plan)
            tenant = claimed.snapshot()
        with tenant_scope(tenant):
            settings = PortalSettings.objects.get()
            settings.catalogue_readers = CatalogueReaders.ANYONE
            settings.store()
            shelf = Category.objects.create(name="Shelf", slug="shelf")
            Product.objects.bulk_create(
                Product(name=f"Product {n}", slug=f"p{n}", price=n + 1, category=shelf)
                for n in range(PRODUCTS)
            )
        _made.append(f"{name}.localhost")
    return _made[:many]


def resident_megabytes(pid: int) -> float:
    """Return what of a process is in memory, shared pages too."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmRSS:") / 1024


def proportional_megabytes(pid: int) -> float:
    """Return the same with its share alone of what it shares, PostgreSQL's buffers for one."""
    return _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") / 1024


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _kilobytes(path: Path, name: str) -> int:
    [line] = [line for line in path.read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1])
