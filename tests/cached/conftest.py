import pytest

from shared_apps.tenants.counts import counts
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import CatalogueReaders, PortalSettings


@pytest.fixture
def shop(portal):
    """Run the test in a portal of its own, with a product on sale and one that is not."""
    counts.tell()
    shared().flushdb()
    opened = portal()
    with tenant_scope(opened):
        settings = PortalSettings.objects.get()
        settings.catalogue_readers = CatalogueReaders.ANYONE
        settings.store()
        shelf = Category.objects.create(name="Shelf", slug="shelf")
        for name, is_active in (("lamp", True), ("draft", False)):
            Product.objects.create(
                name=name, slug=name, price=10, stock=5, category=shelf, is_active=is_active
            )
        domain_map.clear()
        yield opened
