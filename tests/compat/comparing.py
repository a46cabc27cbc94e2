"""Run somebody else's test suite with their engine and with ours, and compare test by test."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite: where it is, how it is run, and which of its tests must differ, and why.

    ``known`` maps the end of a test's dotted name to the reason. ``engines`` are theirs and
    ours. At least ``enough`` tests must pass with theirs, or the comparison means nothing.
    """

    package: str
    folder: str
    command: Sequence[str]
    engines: tuple[str, str]
    known: Mapping[str, str]
    enough: int


def fetch(package: str, folder: Path) -> Path:
    """Fetch the source distribution of the installed version with pip; return where it lies."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--no-binary", ":all:", f"{package}=={version(package)}", "--dest", str(folder)),
        ],
        check=True,
    )
    [archive] = folder.glob(f"{package.replace('-', '?')}-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def run(suite: Suite, source: Path, engine: str, host: str) -> dict[str, str]:
    """Run the suite with one engine; return each test's outcome."""
    name = "ours" if engine == suite.engines[1] else "theirs"
    print(f"Running the suite of {suite.package} with {engine}", flush=True)
    log, outcomes = source / f"{name}.log", source / f"{name}.json"
    with log.open("w") as output:
        subprocess.run(
            [sys.executable, *suite.command],
            cwd=source / suite.folder,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join((str(source), str(ROOT))),
                "COMPAT_ENGINE": engine,
                "COMPAT_HOST": host,
                "COMPAT_NAME": f"{suite.package.replace('-', '_')}_{name}",
                "COMPAT_OUTCOMES": str(outcomes),
            },
            stdout=output,
            stderr=output,
            check=False,
        )
    text = log.read_text()
    if keep := os.environ.get("COMPAT_KEEP"):
        (Path(keep) / f"{suite.package}-{name}.log").write_text(text)
    if not outcomes.exists():
        sys.exit(f"{text[-4000:]}\nThe suite of {suite.package} did not run with {engine}.")
    return json.loads(outcomes.read_text())


def compare(suite: Suite, theirs: Mapping[str, str], ours: Mapping[str, str]) -> bool:
    """Say how the two differ; return whether it is as the table says."""

    def reason(test: str) -> str | None:
        names = (name for name in suite.known if f".{test}".endswith(f".{name}"))
        return suite.known.get(next(names, ""))

    different = sorted(
        test
        for test in {*theirs, *ours}
        if theirs.get(test, "not run") != ours.get(test, "not run")
    )
    for test in different:
        print(f"  {test}: {theirs.get(test, 'not run')} with theirs, {ours.get(test, 'not run')}")
        print(f"    {reason(test) or 'NOT EXPLAINED'}")
    unexplained = sum(reason(test) is None for test in different)
    gone = [
        name for name in suite.known if not any(f".{t}".endswith(f".{name}") for t in different)
    ]
    for name in gone:
        print(f"  {name} is listed as different and is not.")
    passed = sum(outcome == "ok" for outcome in theirs.values())
    print(
        f"{suite.package} {version(suite.package)}: {len(theirs)} tests, {passed} pass with"
        f" {suite.engines[0]}, {len(different)} differ with ours, {unexplained} unexplained.",
        flush=True,
    )
    return not unexplained and not gone and passed >= suite.enough
