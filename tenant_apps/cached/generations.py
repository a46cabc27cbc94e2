"""Which generation of a tenant's data is the present one: a cached answer is of one, or is none.

The truth is a row of the tenant's schema: whoever writes a watched table gives it another token
in the same transaction. So that not every reader must ask for it, a *lease* in Redis says for at
most a second which tokens are the present ones. Two rules keep it true:

- A writer locks the row, then takes the lease away, then commits. (The engine has it done before
  each COMMIT; nothing is left to be done after it.)
- A reader gives a lease only of a row that no writer has locked, and only if nobody took away
  what it laid down in the lease's place before it looked.

So no lease outlives a commit, whoever dies, stops or forgets at any point: a lost lease, or all
of Redis, costs a reader one statement. A writer that cannot reach Redis first has no more leases
given, and waits until the last one has run out.
"""

import json
import time
from collections.abc import Iterable
from uuid import uuid4

import redis
import structlog
from django.db import connection

from shared_apps.tenants.redis_client import ask, shared
from shared_apps.tenants.scope import active_tenant

from .flights import Turns

log = structlog.get_logger(__name__)

LEASE_SECONDS = 1
# A writer that cannot reach Redis stops leases for so long: those after it need not wait.
_UNLEASED_SECONDS = 60
# Where the token of tables stands that nobody has written since the row was made.
_UNWRITTEN = ""
_GIVE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
end
"""
_WITHDRAW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
"""
_RENEW = """
INSERT INTO cached_generations AS kept (id, tokens)
VALUES (1, jsonb_build_object('', %(first)s::text) || %(tokens)s::jsonb)
ON CONFLICT (id) DO UPDATE SET tokens = kept.tokens || %(tokens)s::jsonb
RETURNING coalesce(
    clock_timestamp() > unleased_since + make_interval(secs => %(lease)s)
    AND clock_timestamp() < unleased_until,
    false
)
"""
_UNLEASE = """
UPDATE cached_generations SET
    unleased_since = CASE
        WHEN unleased_until > clock_timestamp() THEN unleased_since ELSE clock_timestamp()
    END,
    unleased_until = clock_timestamp() + make_interval(secs => %(unleased)s)
"""
# The row's lock makes it a transaction that COMMIT waits for the disk with; this one need not.
_LEASABLE = """
SELECT tokens, set_config('synchronous_commit', 'off', true) FROM cached_generations
WHERE coalesce(unleased_until < clock_timestamp(), true) FOR SHARE SKIP LOCKED
"""
_PRESENT = "SELECT tokens FROM cached_generations"
_FIRST = "INSERT INTO cached_generations (id, tokens) VALUES (1, %s) ON CONFLICT DO NOTHING"

Tokens = dict[str, str]
_turns = Turns()


def lease_key() -> str:
    """Return the Redis key of the active tenant's lease."""
    return f"cached:lease:{active_tenant().id}"


def generation(tokens: Tokens, tables: Iterable[str]) -> str:
    """Return the one generation of all ``tables``, which are sorted."""
    unwritten = tokens.get(_UNWRITTEN, "?")
    return ",".join(tokens.get(table, unwritten) for table in tables)


def _new_token() -> str:
    return uuid4().hex[:16]


def renew(tables: Iterable[str]) -> None:
    """Give ``tables`` another generation, of the transaction that is about to commit."""
    tokens = json.dumps(dict.fromkeys(sorted(tables), _new_token()))
    with connection.cursor() as cursor:
        # Should the row be made here, what nobody has written has a token, too.
        cursor.execute(_RENEW, {"tokens": tokens, "first": _new_token(), "lease": LEASE_SECONDS})
        [is_unleased] = cursor.fetchone()
        try:
            ask(("DEL", lease_key()))
        except redis.RedisError:
            log.warning("lease_not_taken_away", waits=not is_unleased)
            cursor.execute(_UNLEASE, {"unleased": _UNLEASED_SECONDS})
            if not is_unleased:
                time.sleep(LEASE_SECONDS)


def leased(answer: bytes | None) -> Tokens | None:
    """Return the tokens that a lease, as Redis gave it, names; None if it is none."""
    if answer is None or not answer.startswith(b"{"):
        return None
    tokens: Tokens = json.loads(answer)
    return tokens


def present() -> Tokens:
    """Return the present tokens, asked of PostgreSQL or of a lease that another thread just gave.

    What that thread was told may be older than this call, so it is not taken; its lease is not.
    """
    with _turns.by_one(lease_key()) as is_mine:
        if is_mine:
            return _asked()
    [lease] = ask(("GET", lease_key()))
    return leased(lease) or _asked()


def _asked() -> Tokens:
    """Return the present tokens, asked of PostgreSQL, and give a lease of them if that can be."""
    place = uuid4().hex
    [may_give] = ask(("SET", lease_key(), place, "NX", "PX", str(1000 * LEASE_SECONDS)))
    tokens = _read(_LEASABLE) if may_give else None
    if tokens is not None:
        shared().register_script(_GIVE)(keys=[lease_key()], args=[place, json.dumps(tokens)])
        return tokens
    if may_give:
        # The next reader need not wait for the mark's end: the writer may have committed by then.
        shared().register_script(_WITHDRAW)(keys=[lease_key()], args=[place])
    while (tokens := _read(_PRESENT)) is None:
        with connection.cursor() as cursor:
            cursor.execute(_FIRST, [json.dumps({_UNWRITTEN: _new_token()})])
    return tokens


def _read(statement: str) -> Tokens | None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return None if row is None else json.loads(row[0])
