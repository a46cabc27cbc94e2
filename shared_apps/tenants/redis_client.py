"""Redis itself, for what the cache's framework has no words for."""

from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


@lru_cache(maxsize=4)
def connected_to(url: str) -> redis.Redis:
    """Return this process's client of the server at ``url``, with short timeouts and one try.

    Whoever asks has a request to answer, and goes on without where it can.
    """
    pool = redis.BlockingConnectionPool.from_url(
        url,
        # Many threads take turns: what waits here is not what the server keeps waiting.
        max_connections=16,
        timeout=5,
        socket_connect_timeout=0.5,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=pool)


def ask(*commands: tuple[str, ...], server: redis.Redis | None = None) -> list[Any]:
    """Return what a server answers to each of some commands, sent in one message.

    It is the shared one, unless another is named. The client's own way to send them costs as
    much as all the rest of a cached answer.

    Raises:
        RedisError: it cannot be asked.

    """
    pool = (server or shared()).connection_pool
    connection = pool.get_connection()
    try:
        connection.send_packed_command(connection.pack_commands(commands))
        return [connection.read_response() for _ in commands]
    except BaseException:
        # An answer that was not read must not be the next caller's.
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def shared() -> redis.Redis:
    """Return the client of the server that all processes count in."""
    return connected_to(settings.CACHE_URL)
