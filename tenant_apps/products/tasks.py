from uuid import UUID

from celery import shared_task

from shared_apps.tenants.gate import Deed
from shared_apps.tenants.tasks import fan_out
from tenant_apps.cached.tallies import take_tallies, tallied_tenants

from .models import VIEWS, Product


@shared_task(name="products.write_views", deed=Deed.HOUSEKEEPING)
def write_views() -> None:
    """Write one tenant's views to their rows."""
    # Each in a transaction of its own: none waits for a row while it holds another.
    for product_id, times in take_tallies(VIEWS).items():
        Product.objects.all().add_views(UUID(product_id), times)


@shared_task(name="products.write_every_view", platform=True)
def write_every_view() -> None:
    """Start that in every tenant that has views to write."""
    fan_out(write_views, tallied_tenants(VIEWS))
