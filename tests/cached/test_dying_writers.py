"""A writer that stops or dies beside its COMMIT, and one that cannot reach Redis."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.cached import generations
from tenant_apps.products.models import Product
from tests.cached.test_generations import how, lose_everything, prices
from tests.stack.running import ROOT, until

WRITER = """
import os, signal, sys, time
import django
django.setup()
from django.db import connection, transaction
from shared_apps.tenants.lookup import find_tenant
from shared_apps.tenants.postgresql.writes import watch
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.products.models import Product
from django.db.models import F

def stop():
    os.kill(os.getpid(), signal.SIGSTOP)

def stop_before_the_commit(tables, renew=watch.before_commit):
    renew(tables)
    stop()

name, where = sys.argv[1:]
if where == "before":
    watch.before_commit = stop_before_the_commit
with tenant_scope(find_tenant(name)):
    for _ in range(2):
        started = time.monotonic()
        with transaction.atomic():
            Product.objects.update(price=F("price") + 1)
            if where == "after":
                transaction.on_commit(stop)
        print(time.monotonic() - started, flush=True)
        if where != "twice":
            break
        sys.stdin.readline()
"""


@pytest.fixture
def tenant(portal):
    shared().flushdb()
    opened = portal()
    with tenant_scope(opened):
        Product.objects.create(name="Lamp", slug="lamp", price=1)
        yield opened


@contextmanager
def writer(tenant, where: str, **environment: str):
    """Run a process that raises the price."""
    running = subprocess.Popen(
        [sys.executable, "-c", WRITER, tenant.schema_name, where],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def stopped(running) -> bool:
    assert running.poll() is None
    return psutil.Process(running.pid).status() == psutil.STATUS_STOPPED


@pytest.mark.parametrize("before", [prices, lose_everything], ids=["all kept", "nothing kept"])
def test_a_writer_that_stops_after_its_commit_and_dies_leaves_nothing_older(tenant, before):
    before()
    with writer(tenant, "after") as running:
        until(lambda: stopped(running), 20, "the writer")
        assert [prices(), prices()] == ["2", "2"]
        assert how() == "hit"
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert [prices(), how()] == ["2", "hit"]


@pytest.mark.parametrize("loses", [prices, lose_everything], ids=["nothing lost", "all lost"])
def test_readers_go_on_beside_a_writer_that_stops_before_its_commit(tenant, loses):
    prices()
    with writer(tenant, "before") as running:
        until(lambda: stopped(running), 20, "the writer")
        loses()
        assert [prices(), how()] == ["1", "hit"]
        assert generations.leased(shared().get(generations.lease_key())) is None
        running.send_signal(signal.SIGCONT)
        running.wait(20)
        assert [prices(), how()] == ["2", "hit"]


def test_a_writer_that_dies_before_its_commit_changed_nothing(tenant):
    prices()
    with writer(tenant, "before") as running:
        until(lambda: stopped(running), 20, "the writer")
        running.send_signal(signal.SIGKILL)
        running.wait()
    until(lambda: generations.present(), 5, "the server to notice")
    assert [prices(), how()] == ["1", "hit"]


def test_a_writer_that_cannot_reach_redis_waits_once_until_no_lease_is_left(tenant):
    prices()
    with writer(tenant, "twice", CACHE_URL="redis://127.0.0.1:1/1") as running:
        first = float(running.stdout.readline())
        assert [prices(), prices()] == ["2", "2"]
        assert first >= generations.LEASE_SECONDS
        assert generations.leased(shared().get(generations.lease_key())) is None
        time.sleep(generations.LEASE_SECONDS)
        running.stdin.write("\n")
        running.stdin.flush()
        second = float(running.stdout.readline())
        assert [prices(), prices()] == ["3", "3"]
        assert second < generations.LEASE_SECONDS / 2
