"""A data folder with databases: initdb takes most of a start, and few of these tests are about it."""

import shutil
from pathlib import Path

import pytest

from reservation.embedded import embedded_servers


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "data"
    with embedded_servers(folder, fast=True):
        pass
    return folder


@pytest.fixture
def data_dir(made_once: Path, tmp_path: Path) -> Path:
    """A stopped instance's data folder, its database empty."""
    return Path(shutil.copytree(made_once, tmp_path / "data"))
