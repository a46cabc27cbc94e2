"""Redis is killed under a worker: the worker lives and connects again."""

from contextlib import contextmanager

import pytest
from celery import Celery
from kombu import Connection, Queue

from config.worker import Consumer
from tests.faults.mortal_redis import MortalRedis


@contextmanager
def taken(redis: MortalRedis):
    """Yield a connection of which both channels read, and a message it has not acknowledged."""
    with Connection(redis.url) as connection:
        messages = []
        for channel, name in (
            (connection.default_channel, "jobs"),
            (connection.channel(), "control"),
        ):
            connection.Consumer(
                Queue(name), channel=channel, callbacks=[lambda _, m: messages.append(m)]
            ).consume()
        with connection.Producer() as producer:
            producer.publish("job", routing_key="jobs")
        while not messages:
            connection.drain_events(timeout=5)
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=0.1)
        yield connection, messages[0]


def test_a_worker_outlives_a_connection_lost_in_the_midst_of_a_read(tmp_path):
    worker = Consumer.__new__(Consumer)
    # What else is done then is not asked for.
    worker.app = Celery(set_as_current=False)
    worker.app.conf.update(
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_enable_prefetch_count_reduction=False,
    )
    with MortalRedis(tmp_path / "redis") as redis, taken(redis) as (connection, message):
        redis.kill()
        worker.connection = connection
        worker.on_connection_error_after_connected(ConnectionError("gone"))
        assert worker.connection is None
        redis.start()
        # As the task does when it ends.
        message.ack()
