"""A pytest plugin: PostgreSQL and Redis of the run's own, up before Django's settings are read."""

import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import pytest

# Before anything of `config` is imported, which has a default of its own.
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"

from config.embedded import free_port, services  # see above
from tests.pgbouncer import pgbouncer, web_url  # see above
from tests.scratch import scratch_folder  # see above

_stack = ExitStack()
data = scratch_folder("test")


def socket_folder() -> str:
    """Return where PostgreSQL's socket lies: its superuser comes in there."""
    return parse_qs(urlsplit(os.environ["OWNER_DATABASE_URL"]).query)["host"][0]


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start the services and put their places into the environment.

    Of several processes each has its own; the one that only hands out the tests needs none.
    """
    hands_out = bool(getattr(early_config.known_args_namespace, "numprocesses", None))
    if hands_out and "PYTEST_XDIST_WORKER" not in os.environ:
        nowhere = "postgres://nobody@127.0.0.1:1/freehold"  # the settings want one
        os.environ.update(DATABASE_URL=nowhere, OWNER_DATABASE_URL=nowhere)
        return (yield)
    os.environ.update(_stack.enter_context(services(data, durable=False)))
    os.environ.update(
        {
            "FREEHOLD_DOMAIN": "localhost",
            "FREEHOLD_PORT_SUFFIX": ":8000",
            "EMAIL_URL": f"smtp://127.0.0.1:{free_port()}",
            "FILES_URL": f"file://{data}/files",
            "POOL_SIZE": "6",
        }
    )
    if os.environ.get("FREEHOLD_TEST_POOLER"):
        os.environ["DATABASE_URL"] = web_url(_stack.enter_context(pgbouncer(socket_folder())))
        os.environ["DB_POOL_SIZE"] = "0"
    return (yield)


def pytest_unconfigure() -> None:
    """Stop the services and remove their data."""
    _stack.close()
    shutil.rmtree(data, ignore_errors=True)
