"""A pytest plugin that tries mutants in place of running tests.

Everything is imported and collected once and the services are started once; each mutant gets a
fork of this process, a copy of the prepared database and an empty Redis.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import redis
from mutmut.mutation.trampoline import set_mutant_under_test

from config.embedded import DATABASE, OWNER

_PREPARED = "prepared"
_ROLES = "SELECT rolname FROM pg_roles WHERE rolname ~ '^t_'"


class Services:
    """PostgreSQL and Redis of this process, brought back to where they began."""

    def __init__(self) -> None:
        for command in (["migrate"], ["keep_pool", "--once"]):
            subprocess.run([sys.executable, "manage.py", *command], check=True)
        place = parse_qs(urlsplit(os.environ["DATABASE_URL"]).query)["host"][0]
        self.server = psycopg.connect(
            host=place, user="postgres", dbname="postgres", autocommit=True
        )
        self.redis = redis.Redis.from_url(os.environ["REDIS_URL"])
        self.server.execute(f"ALTER DATABASE {DATABASE} RENAME TO {_PREPARED}")
        self.roles = set(self.server.execute(_ROLES))

    def renew(self) -> None:
        """Forget what the mutant before has left."""
        self.server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        for (role,) in set(self.server.execute(_ROLES)) - self.roles:
            self.server.execute(f"DROP ROLE {role}")
        self.server.execute(f"CREATE DATABASE {DATABASE} TEMPLATE {_PREPARED} OWNER {OWNER}")
        self.server.execute(f"ALTER DATABASE {DATABASE} SET timezone = 'UTC'")
        self.redis.flushall()

    def close(self) -> None:
        """Let go of both."""
        self.server.close()
        self.redis.close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Try each mutant of the list in ``MUTANTS_TODO``; write down how it ended."""
    todo = Path(os.environ["MUTANTS_TODO"])
    known = {item.nodeid: item for item in session.items}
    with (
        closing(Services()) as services,
        todo.with_suffix(".done").open("w", buffering=1) as done,
    ):
        for mutant in json.loads(todo.read_text()):
            items = [] if mutant["fresh"] else [known[test] for test in mutant["tests"]]
            services.renew()
            pid = os.fork()
            if not pid:
                _try(session, items, mutant)
            print(json.dumps([mutant["name"], _end_of(pid, mutant["seconds"])]), file=done)
    return True


def _try(session: pytest.Session, items: list[pytest.Item], mutant: dict[str, Any]) -> None:
    """Run the tests until one fails and end this process: 0 if the mutant lives."""
    set_mutant_under_test(mutant["name"])
    if mutant["fresh"]:
        # Against the services that run: without our own plugin, which would start others.
        options = ["-x", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *options, *mutant["tests"]])  # noqa: S606  # our own interpreter
    code = 1
    try:
        for item, following in pairwise([*items, None]):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                break
        code = int(session.testsfailed > 0)
    finally:
        os._exit(code)


def _end_of(pid: int, seconds: float) -> int | str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "timeout"
