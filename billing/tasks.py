from uuid import UUID

from celery import shared_task

from . import dunning, ending, inbox, reconciling
from .stripe_gateway import StripeUnavailable, is_configured
from .usage.flushing import write_requests


@shared_task(
    name="billing.apply_event",
    platform=True,
    autoretry_for=(StripeUnavailable,),
    max_retries=3,
    retry_backoff=5,
)
def apply_event(pk: str) -> None:
    """Apply one event of Stripe's; the sweep goes on where the tries end."""
    inbox.apply(UUID(pk))


@shared_task(name="billing.apply_waiting_events", platform=True)
def apply_waiting_events() -> None:
    """Apply what no task came for."""
    if is_configured():
        inbox.apply_waiting()


@shared_task(name="billing.reconcile", platform=True)
def reconcile() -> None:
    """Find what never arrived."""
    if is_configured():
        reconciling.reconcile()


@shared_task(name="billing.dun", platform=True)
def dun() -> None:
    """Take the steps that time asks for."""
    dunning.advance()
    if is_configured():
        ending.end_unpaid()


@shared_task(name="billing.write_api_use", platform=True)
def write_api_use() -> None:
    """Write the API requests that were counted to their months."""
    write_requests()
