"""API requests of a month: counted once, whatever becomes of processes and of Redis."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
import time_machine

from shared_apps.tenants.api_use import (
    ApiUse,
    Batch,
    api_use,
    drop_batch,
    raise_totals,
    take_batch,
)
from shared_apps.tenants.redis_client import shared
from tests.stack.running import until

OCTOBER = "2026-10"


@pytest.fixture(autouse=True)
def _nothing_counted():
    # What other tests' requests left in this process goes first.
    api_use.tell()
    for key in shared().scan_iter("usage:*"):
        shared().delete(key)


@pytest.fixture
def october():
    with time_machine.travel(datetime(2026, 10, 31, 23, 59, tzinfo=UTC), tick=False):
        yield


def count(process: ApiUse, tenant: UUID, times: int) -> None:
    for _ in range(times):
        process.count(tenant)


def taken() -> dict[tuple[UUID, str], int]:
    batch = take_batch()
    return dict(batch.requests) if batch else {}


def test_processes_hear_of_each_others_requests_when_they_tell_their_own(october):
    first, second, tenant, other = ApiUse(), ApiUse(), uuid4(), uuid4()
    count(first, tenant, 3)
    count(first, other, 7)
    first.tell()
    count(second, tenant, 2)
    assert (first.so_far(tenant), second.so_far(tenant)) == (3, 2), "its own, at once"
    second.tell()
    assert (second.so_far(tenant), second.so_far(other)) == (5, 0)
    assert second.total(tenant, OCTOBER) == 5
    assert taken() == {(tenant, OCTOBER): 5, (other, OCTOBER): 7}


def test_each_second_is_told_by_itself_and_many_threads_lose_nothing():
    use, tenant = ApiUse(), uuid4()
    threads = [threading.Thread(target=count, args=(use, tenant, 500)) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert use.so_far(tenant) == 4000
    until(lambda: sum(taken().values()) == 4000, 5, "the requests")


def test_a_month_begins_with_nothing_and_keeps_what_came_late(october):
    use, tenant = ApiUse(), uuid4()
    count(use, tenant, 3)
    with time_machine.travel(datetime(2026, 11, 1, tzinfo=UTC), tick=False):
        assert use.so_far(tenant) == 0
        count(use, tenant, 1)
        use.tell()
        assert use.so_far(tenant) == 1
    assert taken() == {(tenant, OCTOBER): 3, (tenant, "2026-11"): 1}


@contextmanager
def no_redis(settings):
    address, settings.CACHE_URL = settings.CACHE_URL, "redis://127.0.0.1:1/1"
    yield
    settings.CACHE_URL = address


def test_what_could_not_be_told_is_told_once_redis_is_back(october, settings):
    use, tenant = ApiUse(), uuid4()
    with no_redis(settings):
        for times in (3, 2):
            count(use, tenant, times)
            use.tell()
        assert use.so_far(tenant) == 5
    use.tell()
    use.tell()
    assert taken() == {(tenant, OCTOBER): 5}


def test_it_is_told_by_itself_when_redis_is_back(settings):
    use, tenant = ApiUse(), uuid4()
    with no_redis(settings):
        count(use, tenant, 3)
        until(lambda: use._untold, 5, "the first try")
    until(lambda: sum(taken().values()) == 3, 5, "the requests")


def test_a_telling_whose_answer_was_lost_is_not_counted_twice(october, settings):
    use, tenant = ApiUse(), uuid4()
    address = urlsplit(settings.CACHE_URL)
    count(use, tenant, 3)
    with deaf_to_answers(address.hostname, address.port) as port:
        settings.CACHE_URL = f"redis://127.0.0.1:{port}{address.path}"
        use.tell()
    settings.CACHE_URL = address.geturl()
    assert use.so_far(tenant) == use.total(tenant, OCTOBER) == 3
    assert taken() == {(tenant, OCTOBER): 3}


@contextmanager
def deaf_to_answers(host: str | None, port: int | None):
    """Pass on what a client sends until a script has run; then be gone, with its answer."""

    def serve() -> None:
        client, _ = door.accept()
        with client, socket.create_connection((host, port)) as server:
            while sent := client.recv(65536):
                server.sendall(sent)
                answer = server.recv(65536)
                if b"EVALSHA" in sent and not answer.startswith(b"-NOSCRIPT"):
                    ran.append(answer)
                    return
                client.sendall(answer)

    ran: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=serve)
        thread.start()
        yield door.getsockname()[1]
        thread.join(5)
    assert ran, "it reached Redis"


def test_a_batch_is_taken_again_until_it_is_dropped(october):
    use, tenant = ApiUse(), uuid4()
    count(use, tenant, 3)
    use.tell()
    first = take_batch()
    count(use, tenant, 1)
    use.tell()
    assert first
    assert take_batch() == first
    drop_batch(Batch(uuid4(), {}))
    assert take_batch() == first, "another's end is not its own"
    drop_batch(first)
    second = take_batch()
    assert second
    assert second.requests == {(tenant, OCTOBER): 1}
    assert second.id != first.id
    drop_batch(first)
    assert take_batch() == second, "dropped late"
    drop_batch(second)
    assert take_batch() is None


def test_what_redis_forgot_comes_back_from_what_was_written(october):
    use, tenant, other = ApiUse(), uuid4(), uuid4()
    count(use, other, 9)
    use.tell()
    raise_totals(OCTOBER, {tenant: 100, other: 8})
    count(use, tenant, 1)
    use.tell()
    assert use.so_far(tenant) == 101
    assert use.total(other, OCTOBER) == 9, "never less"


def test_what_a_process_counted_last_is_told_at_its_end():
    tenant = uuid4()
    code = (
        "import django; django.setup()\n"
        "from uuid import UUID\n"
        "from shared_apps.tenants.api_use import api_use\n"
        f"api_use.count(UUID('{tenant}'))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert sum(taken().values()) == 1


def test_a_process_ends_quietly_without_redis():
    code = (
        "import django; django.setup()\n"
        "from uuid import uuid4\n"
        "from shared_apps.tenants.api_use import api_use\n"
        "api_use.count(uuid4())\n"
    )
    environment = {**os.environ, "CACHE_URL": "redis://127.0.0.1:1/1"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, timeout=30, check=False
    )
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr
