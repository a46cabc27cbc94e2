"""Mutants that mutmut makes, tried against the tests of the module they are of.

mutmut writes every mutant of a function beside it and chooses by a variable which one runs; that
is used as it is. Its runner is not: our tests need PostgreSQL and Redis, which take seconds to
start, so they are started once a worker (:mod:`tests.mutants.worker`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir
from mutmut.utils.format_utils import mangled_name_from_mutant_name

from .explained import Change, explained

WORKERS = 2
_LOG = Path("mutants.log")
LEAST_KILLED = 0.8
_ENGINE = (
    "tests/isolation/test_engine.py",
    "tests/isolation/test_scopes.py",
    "tests/isolation/test_stamps.py",
)
_ROUTING = ("tests/tenants/test_routing.py", "tests/test_logs.py")
_AUTH = ("tests/users/test_tokens.py", "tests/test_logs.py")
_TENANTS = "shared_apps/tenants"
MODULES = {
    f"{_TENANTS}/postgresql/base.py": _ENGINE,
    f"{_TENANTS}/postgresql/cursor.py": _ENGINE,
    f"{_TENANTS}/scope.py": _ENGINE,
    f"{_TENANTS}/stamps.py": _ENGINE,
    f"{_TENANTS}/routing.py": _ROUTING,
    f"{_TENANTS}/errors.py": _ROUTING,
    f"{_TENANTS}/domain_map.py": _ROUTING,
    f"{_TENANTS}/gate.py": (*_ROUTING, "tests/tenants/test_tasks.py"),
    f"{_TENANTS}/sessions.py": ("tests/tenants/test_sessions.py", "tests/test_logs.py"),
    f"{_TENANTS}/cache.py": ("tests/tenants/test_cache.py",),
    f"{_TENANTS}/tasks.py": ("tests/tenants/test_tasks.py",),
    f"{_TENANTS}/limits.py": ("tests/test_limits.py",),
    "tenant_apps/users/tokens.py": _AUTH,
    "tenant_apps/users/authentication.py": _AUTH,
}
# Fifty threads a mutant, for what two would find.
_LEFT_OUT = ("--deselect", "tests/test_limits.py::test_fifty_at_once_overshoot_by_five")


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant and whether a test noticed it."""

    module: str
    name: str
    killed: bool

    def change(self) -> Change:
        """Return what was changed, as docs/mutants.md names it."""
        diff = get_diff_for_mutant(self.name, path=self.module).splitlines()
        old, new = (
            " ".join(line[1:].strip() for line in diff if line[:1] == sign and line[:3] != sign * 3)
            for sign in "-+"
        )
        *_, file, function = mangled_name_from_mutant_name(self.name).split(".")
        # "x_function" or "xǁClassǁmethod".
        return Change(f"{file}.{function[2:].replace('ǁ', '.')}", old, new)


def survivors_are_explained(tree: Path, chosen: list[str]) -> bool:
    """Try the mutants whose names hold one of ``chosen``, or all, in the copy ``tree``.

    Prints what came of it; tells whether enough are killed and the rest explained.
    """
    known = explained()
    config().only_mutate = list(MODULES)
    with chdir(tree):
        with redirect_stdout(StringIO()):
            copy_src_dir()
            copy_also_copy_files()
            create_mutants(WORKERS)
        tried = list(_tried(tree / "mutants", chosen or [""]))
        living = sorted(each.change() for each in tried if not each.killed)
    for module in MODULES:
        of_module = [each.killed for each in tried if each.module == module]
        if not of_module:
            continue
        print(f"{sum(of_module) / len(of_module):5.0%} of {len(of_module):3} killed  {module}")
    unexplained = [change for change in living if not change.is_in(known)]
    for change in unexplained:
        print(f"LIVES {change}")
    killed = 1 - len(living) / len(tried)
    print(
        f"{killed:5.1%} of {len(tried)} killed; of {len(living)} that live"
        f" {len(living) - len(unexplained)} are explained"
    )
    return killed >= LEAST_KILLED and not unexplained


def _tried(mutants: Path, chosen: list[str]) -> Iterator[Tried]:
    module_of = dict(_mutants(chosen))
    modules = sorted(set(module_of.values()))
    who_calls = _who_calls(mutants, modules)
    todo = [_task(name, module, **who_calls) for name, module in module_of.items()]
    unreached = [task["name"] for task in todo if not task["tests"]]
    yield from (Tried(module_of[name], name, killed=False) for name in unreached)
    todo = [task for task in todo if task["tests"]]
    for name, code in _work_through(mutants, modules, todo):
        yield Tried(module_of[name], name, killed=code != 0)


def _mutants(chosen: list[str]) -> Iterator[tuple[str, str]]:
    for module in MODULES:
        data = SourceFileMutationData(path=module)
        data.load()
        yield from (
            (name, module) for name in data.exit_code_by_key if any(part in name for part in chosen)
        )


def _task(
    name: str, module: str, *, tests: dict[str, list[str]], seconds: dict[str, float]
) -> dict[str, Any]:
    """Return what a worker is told: the quickest tests first."""
    reached_by = tests.get(mangled_name_from_mutant_name(name), [])
    # Run by importing alone: the tests can only tell in a process of its own.
    fresh = reached_by == [""]
    of_module = [test for test in reached_by if test.startswith(MODULES[module])]
    return {
        "name": name,
        "tests": [*MODULES[module]] if fresh else sorted(of_module, key=seconds.__getitem__),
        "fresh": fresh,
        "seconds": 60 + 5 * sum(map(seconds.__getitem__, of_module)),
    }


def _pytest(plugin: str, modules: list[str], **environment: str) -> "subprocess.Popen[bytes]":
    tests = sorted({test for module in modules for test in MODULES[module]})
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", f"tests.mutants.{plugin}", *_LEFT_OUT]
    with _LOG.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd="mutants",
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )


def _who_calls(mutants: Path, modules: list[str]) -> dict[str, dict[str, Any]]:
    answer = mutants / "who_calls.json"
    run = _pytest("who_calls", modules, MUTANT_UNDER_TEST="stats", MUTANTS_WHO_CALLS=str(answer))
    if run.wait():
        sys.exit(f"{_LOG.read_text()}\nThe tests fail without a mutant.")
    found: dict[str, dict[str, Any]] = json.loads(answer.read_text())
    return found


def _work_through(
    mutants: Path, modules: list[str], todo: list[dict[str, Any]]
) -> Iterator[list[Any]]:
    running = []
    for number in range(WORKERS):
        mine = mutants / f"{number}.todo"
        mine.write_text(json.dumps(todo[number::WORKERS]))
        running.append((mine, _pytest("worker", modules, MUTANTS_TODO=str(mine))))
    for mine, run in running:
        if run.wait():
            sys.exit(f"{_LOG.read_text()}\nA worker failed.")
        yield from map(json.loads, mine.with_suffix(".done").read_text().splitlines())
