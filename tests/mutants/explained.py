"""The survivors that docs/mutants.md explains."""

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mutants.md"
ANYTHING = "anything"
_ROW = re.compile(r"\| `(.+?)` \| `(.+?)` \| (?:`(.+?)`|anything) \| .+ \|")


class Change(NamedTuple):
    """What a mutant changes: a function, its line, and what the line becomes."""

    function: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"| `{self.function}` | `{self.old}` | `{self.new}` |"

    def is_in(self, known: set["Change"]) -> bool:
        """Tell whether it, or whatever its line may become, is one of ``known``."""
        return self in known or self._replace(new=ANYTHING) in known


def explained() -> set[Change]:
    """Return the changes of the page's table: ``| function | was | becomes | why |``."""
    rows = filter(None, map(_ROW.fullmatch, PAGE.read_text().splitlines()))
    return {Change(row[1], row[2], row[3] or ANYTHING) for row in rows}
