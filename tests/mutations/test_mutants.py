"""The mutants of SQL and Lua can be made; `make mutants` runs the tests on them."""

import shutil
from pathlib import Path

import pytest

from tests.mutations.__main__ import ROOT, plant
from tests.mutations.mutant import Mutant
from tests.mutations.mutants import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_the_text_that_a_mutant_changes_is_in_its_file_once_and_its_tests_exist(mutant: Mutant, tmp_path: Path) -> None:
    (tmp_path / mutant.file).parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.file, tmp_path / mutant.file)
    plant(mutant, tmp_path)
    assert (tmp_path / mutant.file).read_text() != (ROOT / mutant.file).read_text()
    assert all((ROOT / test).exists() for test in mutant.tests)
