"""``make bench``: one table of figures with their targets; exit status 1 if one is missed."""

import os
import shutil
import sys

from config.embedded import services
from tests.scratch import scratch_folder


def main() -> None:
    """Measure on services of the run's own and print."""
    if shutil.which("wrk") is None:
        sys.exit("The benchmarks need wrk: run deploy/install-test-programs wrk.")
    folder = scratch_folder("bench")
    try:
        with services(folder) as environment:
            os.environ.update(environment, DJANGO_SETTINGS_MODULE="config.settings.development")
            os.environ["EMAIL_URL"] = "dummymail://"
            os.environ["LIMIT_GENERAL"] = "1000000/minute"
            import django

            django.setup()
            from django.db import connections

            from tests.benchmarks import (
                changes,
                engine,
                grants,
                memory,
                neighbours,
                orders,
                pages,
                provisioning,
                requests,
                scale,
                search,
                webhooks,
            )

            in_process = (provisioning, grants, search, pages)
            served = (requests, orders, changes, engine, neighbours, webhooks, memory, scale)
            figures = [figure for each in in_process for figure in each.measure()]
            figures += [figure for each in served for figure in each.measure(folder)]
            for connection in connections.all():
                connection.close()
                connection.close_pool()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(*(figure.line() for figure in figures), sep="\n")
    sys.exit(any(not figure.met for figure in figures))


if __name__ == "__main__":
    main()
