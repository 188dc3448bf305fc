"""The mutants of SQL and Lua can be made; `make mutants` runs the tests on them."""

import shutil
from pathlib import Path

import pytest

from tests.mutations.__main__ import ERROR, ROOT, SURVIVES, Runs, plant
from tests.mutations.mutant import Mutant
from tests.mutations.mutants import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_the_text_that_a_mutant_changes_is_in_its_file_once_and_its_tests_exist(mutant: Mutant, tmp_path: Path) -> None:
    (tmp_path / mutant.file).parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.file, tmp_path / mutant.file)
    plant(mutant, tmp_path)
    assert (tmp_path / mutant.file).read_text() != (ROOT / mutant.file).read_text()
    assert all((ROOT / test).exists() for test in mutant.tests)


def test_a_mutant_is_killed_only_by_a_test_that_passes_without_it(tmp_path: Path) -> None:
    (tmp_path / "number.txt").write_text("1 and 2")
    read = "from pathlib import Path\n\n\ndef test_number():\n    assert {!r} in Path('number.txt').read_text()\n"
    for name, expected in {"test_one.py": "1", "test_two.py": "2", "test_three.py": "3"}.items():
        (tmp_path / name).write_text(read.format(expected))
    runs = Runs(tmp_path)

    def outcome(test: str) -> str:
        return runs.outcome(Mutant("one is missing", "number.txt", "1 and ", "", (test,)))

    assert outcome("test_one.py") == "killed by `test_number`"
    assert outcome("test_two.py") == SURVIVES
    assert outcome("test_three.py") == f"{ERROR}: `test_number` fails without the mutant, too"
    assert outcome("test_none.py") == f"{ERROR}: pytest ended with 4 without the mutant, too"
