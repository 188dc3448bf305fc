"""The Lua scripts: every file is loaded, none is left without its includes, and the wheel carries them all."""

import re
import tomllib
from pathlib import Path

from reservation.holds import scripts
from reservation.holds.scripts import FOLDER, Script

LOADED = {name.lower(): value for name, value in vars(scripts).items() if isinstance(value, Script)}


def test_every_script_file_is_loaded_under_its_name() -> None:
    assert {path.stem for path in FOLDER.glob("*.lua")} == LOADED.keys()
    for name, script in LOADED.items():
        assert script.source.startswith((FOLDER / f"{name}.lua").read_text().splitlines()[0])


def test_every_include_is_replaced_by_its_file_and_used() -> None:
    sources = "".join(script.source for script in LOADED.values())
    assert not re.search(r"-- include \w+$", sources, re.MULTILINE)
    for path in (FOLDER / "include").iterdir():
        assert path.read_text().splitlines()[-1] in sources, path


def test_the_wheel_has_every_script_file() -> None:
    root = Path(__file__).parents[2]
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    package = root / "reservation" / "holds"
    shipped = {path for pattern in patterns["reservation.holds"] for path in package.glob(pattern)}
    assert shipped == {path for path in FOLDER.rglob("*") if path.is_file()}
