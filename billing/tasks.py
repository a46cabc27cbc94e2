from celery import shared_task

from .usage.flushing import write_requests


@shared_task(name="billing.write_api_use", platform=True)
def write_api_use() -> None:
    """Write the API requests that were counted to their months."""
    write_requests()
