"""The stylesheets: a browser says nothing of one that is broken."""

from pathlib import Path

import pytest

import reservation.web

STYLES = sorted((Path(reservation.web.__file__).parent / "static").glob("*.css"))


@pytest.mark.parametrize("path", STYLES, ids=[path.name for path in STYLES])
def test_every_block_of_a_stylesheet_is_closed(path: Path) -> None:
    """A media rule that is not closed has all rules after it, without an error anywhere."""
    depth = 0
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        depth += line.count("{") - line.count("}")
        assert depth >= 0, f"line {number}"
    assert depth == 0
