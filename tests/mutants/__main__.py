"""``make mutants``: the named mutants, then those that mutmut makes."""

import shutil
import sys
from pathlib import Path

from tests.scratch import scratch_folder

from .generated import survivors_are_explained
from .named import all_are_killed

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Try all, or of mutmut's those whose names hold an argument; exit 1 if all is not well."""
    chosen = sys.argv[1:]
    tree = scratch_folder("mutants")
    try:
        for name in ("config", "shared_apps", "tenant_apps", "billing", "tests", "deploy"):
            shutil.copytree(ROOT / name, tree / name)
        for name in ("manage.py", "pyproject.toml"):
            shutil.copy(ROOT / name, tree / name)
        well = bool(chosen) or all_are_killed(tree)
        well = survivors_are_explained(tree, chosen) and well
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    sys.exit(not well)


if __name__ == "__main__":
    main()
