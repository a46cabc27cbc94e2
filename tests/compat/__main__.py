"""``make compat``: test suites of others with our engine and with theirs.

The source distributions of the installed versions are fetched by pip and thrown away. A test
that passes with their engine must pass with ours, unless it is listed with its reason. Names
of suites as arguments run those alone.
"""

import shutil
import sys
from pathlib import Path

from config.embedded import postgres
from tests.scratch import scratch_folder

from . import django_suite, tenants_suite
from .comparing import compare, fetch, run

SUITES = {suite.package: suite for suite in (django_suite.SUITE, tenants_suite.SUITE)}


def differ(names: list[str], folder: Path) -> list[str]:
    """Run the suites named; return those that differ in what is not listed."""
    found = []
    with postgres(folder / "postgres", durable=False) as environment:
        host = environment["DATABASE_URL"].rpartition("host=")[2].replace("%2F", "/")
        for name in names:
            suite = SUITES[name]
            source = fetch(name, folder)
            theirs, ours = (run(suite, source, engine, host) for engine in suite.engines)
            if not compare(suite, theirs, ours):
                found.append(name)
    return found


def main() -> None:
    """Run and compare; exit 1 on a difference."""
    folder = scratch_folder("compat")
    try:
        found = differ(sys.argv[1:] or list(SUITES), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
