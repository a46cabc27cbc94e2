"""The engine's tests once more, each connection going through PgBouncer in transaction mode."""

import os
import subprocess
import sys

from tests.stack.running import ROOT


def test_the_engines_tests_pass_through_a_transaction_pooler():
    ours = ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL", "PG_DUMP")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/isolation/test_engine.py"],
        cwd=ROOT,
        env={n: v for n, v in os.environ.items() if n not in ours} | {"FREEHOLD_TEST_POOLER": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
