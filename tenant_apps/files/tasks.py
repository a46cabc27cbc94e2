from celery import shared_task
from django.conf import settings

from shared_apps.tenants.gate import Deed
from shared_apps.tenants.sweeping import all_tenants
from shared_apps.tenants.tasks import fan_out

from . import sweeping


@shared_task(name="files.sweep", deed=Deed.HOUSEKEEPING)
def sweep_files() -> None:
    """Remove what is left behind in one tenant."""
    sweeping.sweep()


@shared_task(name="files.sweep_everywhere", platform=True)
def sweep_all_files() -> None:
    """Start the sweep in every tenant, spread over a while."""
    fan_out(sweep_files, all_tenants(), over_seconds=settings.FAN_OUT_SECONDS)
