from celery import shared_task

from shared_apps.tenants.gate import Deed
from shared_apps.tenants.tasks import fan_out

from . import view_counts


@shared_task(name="products.write_views", deed=Deed.HOUSEKEEPING)
def write_views() -> None:
    """Write one tenant's views to their rows."""
    view_counts.write_views()


@shared_task(name="products.write_every_view", platform=True)
def write_every_view() -> None:
    """Start that in every tenant that has views to write."""
    fan_out(write_views, view_counts.counted_tenants())
