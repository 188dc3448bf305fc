"""The table of costs at the end of a run has what tests have recorded, also those that failed."""

from pathlib import Path

import pytest

from tests.ha.costs import Cost, table
from tests.histories.history import FOREVER

pytest_plugins = ["pytester"]
RECORDING = """
import pytest
from tests.ha.costs import Cost

def test_passes(record_cost):
    record_cost(Cost("a host is killed", 1, 1200, 0, 0, (0.5,)))

def test_fails(record_cost):
    record_cost(Cost("a host is killed", 2, 300, 1, 0, (1.5, 2.5)))
    raise AssertionError

def test_records_nothing():
    pass
"""


def test_rows_of_one_fault_are_added_up() -> None:
    costs = [Cost("a", 1, 10, 0, 0, (1.0,)), Cost("b", 1, None, None, None), Cost("a", 2, 20, 1, 3, (2.0, FOREVER))]
    lines = [line.split() for line in table(costs).replace("|", "").splitlines()]
    assert lines[2:] == [["a", "3", "30", "1", "3", "2.0", "never"], ["b", "1", "-", "-", "-", "-", "-"]]


def test_a_count_that_one_of_two_has_is_kept() -> None:
    assert Cost("a", 1, None, 1, 2) + Cost("a", 1, 5, None, 2) == Cost("a", 2, 5, 1, 4)


def test_a_run_ends_with_the_table(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text())
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(RECORDING)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*costs of faults*", "| a host is killed |*3 |*1,500 |*1 |*0 |*1.5 |*2.5 |"])
