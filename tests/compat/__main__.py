"""``make compat``: parts of Django's own test suite with our engine and with Django's.

The source distribution of the pinned version is fetched by pip and thrown away. A test that
passes with Django's engine must pass with ours.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import django

from config.embedded import postgres
from tests.scratch import scratch_folder

MODULES = (
    *("transactions", "transaction_hooks", "basic", "select_for_update", "bulk_create", "update"),
    *("delete", "get_or_create", "queries", "aggregation", "annotations", "migrations"),
    *("introspection", "raw_query", "prefetch_related", "constraints", "expressions", "fixtures"),
    *("backends", "auth_tests", "contenttypes_tests", "sessions_tests"),
)
# What must differ, and why.
KNOWN = {
    "test_server_side_cursors_setting": "expects a server-side cursor; those carry no prefix",
    "test_connect_custom_cursor_factory": "raw cursors are of a class that guards transactions",
    "test_connect_server_side_binding": "as above; a prefix needs client-side binding",
}
ENGINES = {"django": "django.db.backends.postgresql", "ours": "tests.compat.engine"}
ROOT = Path(__file__).resolve().parents[2]


def fetch(folder: Path) -> Path:
    """Fetch and unpack the pinned version; return its ``tests`` folder."""
    wanted = f"django=={django.__version__}"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--no-binary", ":all:", wanted, "--dest", str(folder)),
        ],
        check=True,
    )
    [archive] = folder.glob("django-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz") / "tests"


def run(tests: Path, name: str, host: str) -> dict[str, str]:
    """Run the modules with one engine; return each test's outcome."""
    print(f"Running {len(MODULES)} modules with {ENGINES[name]}", flush=True)
    done = subprocess.run(
        [
            *(sys.executable, "runtests.py", "--settings=tests.compat.suite_settings"),
            *("--parallel=1", "--verbosity=2", "--noinput", *MODULES),
        ],
        cwd=tests,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "COMPAT_ENGINE": ENGINES[name],
            "COMPAT_HOST": host,
            "COMPAT_NAME": name,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    (tests.parent / f"{name}.log").write_text(done.stdout)
    print("\n".join(done.stdout.strip().splitlines()[-4:]), flush=True)
    return outcomes(done.stdout)


def outcomes(text: str) -> dict[str, str]:
    """Return test name -> ok, FAIL, ERROR, skipped, from unittest's verbose output."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if match := re.match(r"(\w+ \([\w.]+\))", line):
            name = match.group(1)
        if match := re.search(r"\.\.\. (ok|FAIL|ERROR|skipped|expected failure)", line):
            found[name] = match.group(1)
    return found


def main() -> None:
    """Run both and compare; exit 1 on a difference."""
    folder = scratch_folder("compat")
    try:
        tests = fetch(folder)
        with postgres(folder / "postgres", durable=False) as environment:
            host = environment["DATABASE_URL"].rpartition("host=")[2].replace("%2F", "/")
            theirs, ours = (run(tests, name, host) for name in ENGINES)
        different = {
            name: (outcome, ours.get(name, "not run"))
            for name, outcome in theirs.items()
            if outcome != ours.get(name) and name.partition(" ")[0] not in KNOWN
        }
        for name, (expected, got) in sorted(different.items()):
            print(f"{name}: {expected} with Django's engine, {got} with ours")
        if different and os.environ.get("COMPAT_KEEP"):
            shutil.copy(tests.parent / "ours.log", os.environ["COMPAT_KEEP"])
        passed = sum(outcome == "ok" for outcome in theirs.values())
        print(f"{len(theirs)} tests, {passed} pass with Django's engine, {len(different)} differ.")
        for name, why in KNOWN.items():
            print(f"Not counted: {name} ({why}).")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(bool(different) or passed < 4000)


if __name__ == "__main__":
    main()
