"""The drill finds faults that are planted into the service; `make drill-mutants` has all of them."""

import sys

import pytest

from tests.histories.mutants import MUTANTS, Mutant, is_found, planted
from tests.histories.rounds import drill

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
HERE = ("a cached map is not read again after every second change", "a cancel is answered before its commit")


@pytest.mark.long
@pytest.mark.parametrize("mutant", [each for each in MUTANTS if each.name in HERE], ids=lambda each: each.name)
async def test_a_planted_fault_is_found(mutant: Mutant) -> None:
    with planted(mutant) as tree:
        outcome = await drill(mutant.faults._replace(faults=1), tree)
    assert is_found(mutant, outcome)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_a_fault_can_still_be_planted(mutant: Mutant) -> None:
    """The text that it replaces is in its file, once."""
    with planted(mutant) as tree:
        assert all(new in (tree / file).read_text() for file, _, new in mutant.changes)
