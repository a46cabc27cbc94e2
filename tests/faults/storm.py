"""What a storm is made of: backends cut off, Redis and the worker killed and started again."""

import random
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import psycopg

from config.embedded import DATABASE, WEB
from tests.faults.mortal_redis import MortalRedis
from tests.services import socket_folder
from tests.stack.running import end, worker


def superuser(database: str) -> "psycopg.Connection[Any]":
    """Return a session that may do anything."""
    return psycopg.connect(
        f"host={socket_folder()} user=postgres dbname={database}", autocommit=True
    )


class Part(threading.Thread):
    """Something that goes on beside the requests until it is told to end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()


class Killer(Part):
    """Cancels the statement of a random backend of the web login, or ends the backend."""

    def __init__(self, seed: int, pause: float, most: int) -> None:
        super().__init__()
        self.dice = random.Random(seed)
        self.pause = pause
        self.most = most
        self.landed = 0

    def run(self) -> None:
        with superuser(DATABASE) as session:
            while self.landed < self.most and not self.done.wait(self.pause):
                deed = self.dice.choice(["pg_cancel_backend", "pg_terminate_backend"])
                found = session.execute(
                    f"SELECT {deed}(pid) FROM pg_stat_activity WHERE usename = %s"
                    " AND state <> 'idle' ORDER BY random() LIMIT 1",
                    [WEB],
                ).fetchone()
                self.landed += found is not None and found[0]


class MortalWorker:
    """A worker that is killed and started again."""

    def __init__(self, log: Path, **environment: str) -> None:
        self.log = log
        self.environment = environment
        self.stack = ExitStack()
        self.start()

    def start(self) -> None:
        """Start one; it is ready when this returns."""
        self.process = self.stack.enter_context(worker(self.log, **self.environment))

    def kill(self) -> None:
        """End it and its children with signal 9; it must not have ended by itself."""
        assert self.process.poll() is None, f"the worker has ended ({self.log})"
        end(self.process, signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()


class Restarts(Part):
    """Kills Redis, the worker, Redis and so on, every second or so, and starts it again.

    One time in four Redis has lost everything. It is away for up to a second; the worker is away
    for as long as it takes to start.
    """

    def __init__(self, redis: MortalRedis, a_worker: MortalWorker, seed: int) -> None:
        super().__init__()
        self.redis = redis
        self.worker = a_worker
        self.dice = random.Random(seed)
        self.of_redis = self.of_redis_emptied = self.of_worker = 0

    def run(self) -> None:
        turns = cycle([self.restart_redis, self.restart_worker, self.restart_redis])
        while not self.done.wait(self.dice.uniform(0, 1.5)):
            next(turns)()

    def restart_worker(self) -> None:
        self.worker.kill()
        self.worker.start()
        self.of_worker += 1

    def restart_redis(self) -> None:
        empty = self.dice.random() < 0.25
        self.redis.kill()
        self.done.wait(self.dice.random())
        self.redis.start(empty=empty)
        self.of_redis += 1
        self.of_redis_emptied += empty


class Hail(Part):
    """Cancels whatever the backends of a login are at, all of them, a thousand times a second."""

    def __init__(self, database: str, login: str) -> None:
        super().__init__()
        self.database = database
        self.login = login

    def run(self) -> None:
        with superuser(self.database) as session:
            while not self.done.is_set():
                session.execute(f"""
                    DO $$
                    DECLARE
                        targets int[];
                        target int;
                    BEGIN
                        SELECT array_agg(pid) INTO targets FROM pg_stat_activity
                        WHERE datname = '{self.database}' AND usename = '{self.login}'
                            AND pid <> pg_backend_pid();
                        FOR turn IN 1..200 LOOP
                            FOREACH target IN ARRAY coalesce(targets, '{{}}') LOOP
                                PERFORM pg_cancel_backend(target);
                            END LOOP;
                            PERFORM pg_sleep(0.001);
                        END LOOP;
                    END $$""")


@contextmanager
def every_statement_logged(database: str) -> Iterator[None]:
    """Let PostgreSQL log each statement of new connections to ``database``, as audits ask for.

    A cancel counts from a statement's arrival until it starts to run; logging it takes its time.
    """
    with superuser("postgres") as session:
        session.execute(f"ALTER DATABASE {database} SET log_statement = 'all'")
        try:
            yield
        finally:
            session.execute(f"ALTER DATABASE {database} RESET log_statement")
