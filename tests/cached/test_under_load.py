"""Readers and writers at once, while Redis forgets: no reader sees less than was acknowledged."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.db.models import F

from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.products.models import Product
from tests.cached.test_generations import prices

READERS, WRITERS = 4, 2


class Run:
    """So many seconds of it; the price only ever rises."""

    def __init__(self, tenant, seconds: float) -> None:
        self.tenant = tenant
        self.until = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.acknowledged = 1
        self.reads = self.stale = self.writes = 0

    def read(self) -> None:
        while time.monotonic() < self.until:
            least = self.acknowledged
            seen = int(prices())
            with self.lock:
                self.reads += 1
                self.stale += seen < least

    def write(self) -> None:
        while time.monotonic() < self.until:
            Product.objects.update(price=F("price") + 1)
            with self.lock:
                self.writes += 1
                # So many were committed before this line, whoever's turn it is.
                self.acknowledged = max(self.acknowledged, 1 + self.writes)
            time.sleep(random.uniform(0, 0.02))

    def forget(self) -> None:
        while time.monotonic() < self.until:
            keys = list(shared().scan_iter("cached:*"))
            if keys:
                shared().delete(*random.sample(keys, random.choice([1, len(keys)])))
            time.sleep(random.uniform(0, 0.05))

    def go(self) -> None:
        def in_scope(work) -> None:
            with tenant_scope(self.tenant):
                try:
                    work()
                finally:
                    connections.close_all()

        deeds = [self.read] * READERS + [self.write] * WRITERS + [self.forget]
        with ThreadPoolExecutor(len(deeds)) as pool:
            list(pool.map(in_scope, deeds))


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.soak)])
def test_nobody_reads_less_than_was_acknowledged(portal, seconds):
    shared().flushdb()
    tenant = portal()
    with tenant_scope(tenant):
        Product.objects.create(name="Lamp", slug="lamp", price=1)
    run = Run(tenant, seconds)
    run.go()
    print(f"{run.reads} reads, {run.writes} writes, {run.stale} stale")
    assert run.stale == 0
    assert run.reads > 50 * seconds
    assert run.writes > 5 * seconds
