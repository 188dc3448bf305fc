"""SECURITY.md: the tests that it names are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| (yes|partly|no|operator) \| (.+) \|$", re.MULTILINE)


def test_every_test_that_the_page_names_is_there() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 50
    assert {name for name in named if f"def {name}(" not in sources} == set()


def test_every_path_that_the_page_names_is_there() -> None:
    paths = {path.partition("#")[0] for path in re.findall(r"[`(]((?:tests|docs)/[\w./#-]+)[`)]", PAGE)}
    assert len(paths) > 50
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def test_the_counts_of_the_page_are_those_of_its_tables() -> None:
    rows = ROW.findall(PAGE)
    met = [found for _, _, found, _ in rows]
    total, yes, partly, no, others = map(
        int, re.findall(r"Of (\d+) requirements, (\d+) are met, (\d+) partly, (\d+) not, and\n(\d+) are", PAGE)[0]
    )
    assert (total, yes) == (len(rows), met.count("yes"))
    assert (partly, no, others) == (met.count("partly"), met.count("no"), met.count("operator"))
    assert len({number for number, *_ in rows}) == len(rows)


def test_what_is_met_has_a_test_or_a_reason() -> None:
    assert [number for number, _, _, reason in ROW.findall(PAGE) if len(reason) < 8] == []
