"""The mutants keep up with what they break."""

import pytest

from tests.mutants.named import MUTANTS
from tests.test_house_rules import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_breaks_is_there_once(mutant):
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1
    assert all((ROOT / path.partition("::")[0]).exists() for path in mutant.tests.split())
