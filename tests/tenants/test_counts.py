"""Counts that are told to Redis once a second, whatever becomes of the process that counted."""

import multiprocessing
import subprocess
import sys
import threading
from uuid import uuid4

import pytest

from shared_apps.tenants.counts import Counts
from shared_apps.tenants.redis_client import shared
from tests.stack.running import until


@pytest.fixture
def key():
    key = f"tests:counts:{uuid4()}"
    yield key
    shared().delete(key)


def told(key: str) -> dict[bytes, bytes]:
    return shared().hgetall(key)  # type: ignore[return-value]  # the client is not asynchronous


def test_counts_of_many_threads_are_told_by_themselves(key):
    counts = Counts()

    def count():
        for _ in range(500):
            counts.add((key, "a"), (key, "b"))

    threads = [threading.Thread(target=count) for _ in range(8)]
    # They take turns as often as they can.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    until(lambda: told(key) == {b"a": b"4000", b"b": b"4000"}, 5, "the counts")
    counts.add((key, "a"))
    until(lambda: told(key)[b"a"] == b"4001", 5, "what was counted after that")


def test_a_child_tells_its_own_counts_and_not_its_parents(key):
    counts = Counts()
    counts.add((key, "parent"))
    child = multiprocessing.get_context("fork").Process(target=_count_as_child, args=(counts, key))
    child.start()
    child.join(10)
    assert told(key)[b"child"] == b"1"
    counts.tell()
    assert told(key) == {b"child": b"1", b"parent": b"1"}


def _count_as_child(counts: Counts, key: str) -> None:
    counts.add((key, "child"))
    until(lambda: b"child" in told(key), 5, "the child's count")


def test_what_was_counted_last_is_told_at_the_end(key):
    code = (
        "import django; django.setup()\n"
        "from shared_apps.tenants.counts import counts\n"
        f"counts.add(('{key}', 'last'))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert told(key) == {b"last": b"1"}


def test_without_redis_counting_goes_on(key, settings):
    counts = Counts()
    address, settings.CACHE_URL = settings.CACHE_URL, "redis://127.0.0.1:1/1"
    counts.add((key, "lost"))
    counts.tell()
    settings.CACHE_URL = address
    counts.add((key, "kept"))
    counts.tell()
    assert told(key) == {b"kept": b"1"}
