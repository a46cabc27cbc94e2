"""``manage.py keep_pool``: the provisioner, the one process that has the owner login."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from shared_apps.tenants.provisioning import pool


class Command(BaseCommand):
    """Keep the warm pool filled and drop closed tenants, until stopped."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: Any) -> None:
        """Offer a single filling, for tests and for the first start."""
        parser.add_argument("--once", action="store_true", help="fill the pool and exit")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        if options["once"]:
            made = pool.fill(settings.POOL_SIZE)
            self.stdout.write(f"{made} tenants added to the pool.")
            return
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        pool.keep(settings.POOL_SIZE, stopping.is_set)
