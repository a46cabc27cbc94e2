"""What is kept: once made for all who miss it, within bounds, made anew before it expires."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Barrier

import pytest
import redis
from django.db import connections

from shared_apps.tenants.cache_figures import lookups_of
from shared_apps.tenants.redis_client import ask, shared
from shared_apps.tenants.scope import active_tenant, tenant_scope
from tenant_apps.cached import flights, generations
from tenant_apps.cached.queries import CachedAnswers
from tenant_apps.cached.store import Entry, keep, key_of, look_up
from tenant_apps.products.models import Product

SLOW = CachedAnswers("tests.slow", [Product])


@pytest.fixture
def tenant(portal):
    shared().flushdb()
    opened = portal()
    with tenant_scope(opened):
        yield opened


def all_at_once(tenant, readers: int, read) -> list[object]:
    """Return what so many threads read, begun together."""
    together = Barrier(readers)

    def one(_: int):
        with tenant_scope(tenant):
            together.wait(20)
            try:
                return read()
            finally:
                connections.close_all()

    with ThreadPoolExecutor(readers) as pool:
        return list(pool.map(one, range(readers)))


def slowly(made: list[int]) -> bytes:
    made.append(1)
    time.sleep(0.1)
    return b"made"


def test_two_hundred_misses_at_once_make_it_once(tenant):
    made = []
    SLOW.get("before", lambda: b"the lease is given")
    answers = all_at_once(tenant, 200, lambda: SLOW.get("one", lambda: slowly(made))[0])
    assert (answers, len(made)) == ([b"made"] * 200, 1)


def test_of_many_without_a_lease_one_asks_for_the_generation(tenant, monkeypatch):
    def asked_slowly() -> dict[str, str]:
        asked.append(1)
        time.sleep(0.1)
        return told()

    asked, told = [], generations._asked
    monkeypatch.setattr(generations, "_asked", asked_slowly)
    tokens = all_at_once(tenant, 50, generations.present)
    assert (len(asked), len({*map(str, tokens)})) == (1, 1)


def test_whoever_waited_takes_a_lease_and_not_what_another_was_told(tenant, monkeypatch):
    def told_before_the_write() -> dict[str, str]:
        tokens = told()
        if not written:
            written.append(1)
            Product.objects.create(name="new", slug="new", price=1)
            time.sleep(0.1)
        return tokens

    written, told = [], generations._asked
    monkeypatch.setattr(generations, "_asked", told_before_the_write)
    before, *after = sorted(all_at_once(tenant, 5, generations.present), key=str)
    kinds = {str(tokens) for tokens in [before, *after]}
    assert len(kinds) == 2, "one was told before the write, the others after it"
    assert sorted(map(str, [before, *after])).count(str(generations.present())) == 4


def test_of_several_processes_one_makes_it(tenant):
    made, key = [], key_of(SLOW.name, "two")
    # What a process does whose own threads have agreed on one.
    answers = all_at_once(tenant, 8, lambda: SLOW._make(key, "g", lambda: slowly(made)))
    assert (answers, len(made)) == ([b"made"] * 8, 1)


def test_a_process_that_dies_while_it_makes_it_holds_nobody_up_for_long(tenant, monkeypatch):
    monkeypatch.setattr(flights, "PATIENCE", 0.3)
    shared().set(f"{key_of(SLOW.name, 'three')}:flight", 1, px=60_000)
    started = time.monotonic()
    assert SLOW.get("three", lambda: b"made") == (b"made", "miss")
    assert 0.3 <= time.monotonic() - started < 1


def test_what_fails_fails_for_all_and_is_kept_by_nobody(tenant):
    def fails() -> bytes:
        time.sleep(0.1)
        raise LookupError

    def read() -> str:
        try:
            SLOW.get("four", fails)
        except LookupError:
            return "failed"
        return "answered"

    assert all_at_once(tenant, 5, read) == ["failed"] * 5
    assert SLOW.get("four", lambda: b"made") == (b"made", "miss")


@pytest.mark.parametrize("outcome", ["kept", "too large", "failed"])
def test_whoever_made_it_leaves_no_mark_behind(tenant, settings, outcome):
    def make() -> bytes:
        assert [*shared().scan_iter("*:flight")]
        if outcome == "failed":
            raise LookupError
        return b"made"

    settings.CACHED_ENTRY_BYTES = 2 if outcome == "too large" else 1000
    with suppress(LookupError):
        SLOW.get(outcome, make)
    assert [*shared().scan_iter("*:flight")] == []


def kept() -> int:
    return len([*shared().scan_iter(f"cached:{active_tenant().id}:*:tests.kept:*")])


def entry(content: bytes = b"x" * 1000) -> Entry:
    return Entry("a,b", "g,h", time.time() + 60, 0.001, content)


def test_a_tenants_answers_stay_within_its_bytes(tenant, settings, portal):
    settings.CACHED_TENANT_BYTES = 3500
    neighbour = portal()
    with tenant_scope(neighbour):
        keep(key_of("tests.kept", "0"), entry(), 60)
    for n in range(20):
        keep(key_of("tests.kept", str(n)), entry(), 60)
        assert look_up(key_of("tests.kept", str(n)))[1].content == b"x" * 1000
    assert kept() == 3
    keep(key_of("tests.kept", "19"), entry(b"smaller"), 60)
    keep(key_of("tests.kept", "20"), entry(), 60)
    assert kept() == 4, "what was written over counts no more"
    with tenant_scope(neighbour):
        assert kept() == 1


def test_what_has_expired_counts_no_more(tenant, settings):
    settings.CACHED_TENANT_BYTES = 2500
    keep(key_of("tests.kept", "brief"), entry(), 1)
    time.sleep(1.05)
    for n in range(2):
        keep(key_of("tests.kept", str(n)), entry(), 60)
    assert kept() == 2


def test_what_is_too_large_is_not_kept(tenant, settings):
    settings.CACHED_ENTRY_BYTES = 500
    keep(key_of("tests.kept", "1"), entry(), 60)
    assert kept() == 0


def test_the_dearer_and_the_nearer_its_end_the_likelier_it_is_made_anew():
    def due(left: float, took: float) -> int:
        one = Entry("t", "g", time.time() + left, took, b"")
        return sum(one.is_due() for _ in range(1000))

    assert due(left=-0.001, took=0) == 1000
    assert due(left=60, took=0.01) == 0
    assert 300 < due(left=1, took=1) < 440, "e to the minus one"
    assert due(left=1, took=0.1) < due(left=1, took=0.5) < due(left=1, took=2)


def test_hits_and_misses_are_told_by_tenant(tenant, portal):
    for _ in range(250):
        SLOW.get("five", lambda: b"made")
    assert lookups_of(tenant.id) == {"hits": 249, "misses": 1}
    assert lookups_of(portal().id) == {}


def test_an_answer_that_was_not_read_is_nobody_elses(tenant):
    shared().set("text", "x")
    for _ in range(20):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            ask(("HINCRBY", "text", "a", "1"), ("GET", "text"))
        assert ask(("ECHO", "mine"), ("ECHO", "too")) == [b"mine", b"too"]


def test_a_cleared_cache_is_asked_for_nothing_it_held(tenant):
    SLOW.get("six", lambda: b"made")
    with tenant_scope(replace(tenant, cache_generation="another")):
        assert SLOW.get("six", lambda: b"anew") == (b"anew", "miss")
