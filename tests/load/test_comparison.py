"""`load compare`: what is worse by more than chance, what may be chance, and which reports cannot be compared."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from reservation.commands.load import load
from reservation.load.comparison import compare, read_report
from reservation.load.connection import Answer
from reservation.load.final_audit import AuditResult
from reservation.load.measurements import Measurements
from reservation.load.reports.report import Report, make_report
from tests.load.conftest import Cinema

SETTINGS = {"profile": "mixed", "rate": 100.0, "seats": (1, 4), "seed": 1, "duration_s": 20.0}
TOTALS = {"offered": 2000, "answered": 2000, "answered_per_s": 100.0, "errors": 0, "sold_out_at_s": None}

Make = Callable[..., Path]


def report(*, slower: float = 1.0, count: int = 2000, seed: int = 1, **changed: Any) -> Report:
    """A report of made-up latencies, lognormal around 20 ms."""
    chance, measurements = random.Random(seed), Measurements()
    for number in range(count):
        took_s = slower * chance.lognormvariate(-4, 0.5)
        answer = Answer(200, "", b"", b"", number / 100, number / 100 + took_s)
        measurements.offer(number / 100, number / 100)
        measurements.count("map", answer, number / 100, number / 100, expected=True)
    settings = {**SETTINGS, **changed.pop("settings", {})}
    totals = {**TOTALS, **changed.pop("totals", {})}
    figures = {"totals": totals, "data_set": {"showtimes": [], "seats": 0}}
    made = make_report("run", measurements, settings, AuditResult().summary(), datetime.now(UTC), figures)
    return made | changed


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def write(name: str, **changed: Any) -> Path:
        file = tmp_path / name
        file.write_text(json.dumps(report(**changed)))
        return file

    return write


def compared(*arguments: str | Path) -> Result:
    return CliRunner().invoke(load, ["compare", *map(str, arguments)])


def verdicts(a: Report, b: Report, max_ratio: float = 1.2) -> dict[str, str]:
    found = compare(a, b, max_ratio=max_ratio)
    return {f"{figure['figure']} {figure['operation']}": figure["verdict"] for figure in found["figures"]}


def test_a_slower_run_is_worse_and_ends_with_status_4(make: Make, tmp_path: Path) -> None:
    a, b, file = make("a.json"), make("b.json", slower=1.5, seed=2), tmp_path / "comparison.json"
    done = compared(a, b, "--max-ratio", "1.2", "--json", file)
    assert done.exit_code == 4, done.output
    assert "worse by more than 1.2 times: p50 of all" in done.output
    written = json.loads(file.read_text())
    [p50] = [each for each in written["figures"] if (each["figure"], each["operation"]) == ("p50", "map")]
    assert p50["ratio"] == pytest.approx(1.5, rel=0.1)
    assert p50["a_interval"][0] < p50["a"] < p50["a_interval"][1] < p50["b_interval"][0] < p50["b"]
    assert written["kind"] == "comparison"
    assert "p50 of map" in written["worse"]
    assert compared(b, a, "--max-ratio", "1.2").exit_code == 0  # better
    assert compared(a, b, "--max-ratio", "3").exit_code == 0
    assert compared(a, b).exit_code == 0  # no factor was given


def test_a_difference_of_chance_is_none_whatever_the_ratio() -> None:
    found = verdicts(report(), report(seed=2), max_ratio=1.0)
    assert "worse" not in found.values()
    assert found["p50 map"] == "same"


def test_percentiles_of_few_answers_are_unclear() -> None:
    found = verdicts(report(count=50), report(slower=3, count=50, seed=2))
    assert (found["p50 map"], found["p99 map"], found["p99.9 map"]) == ("worse", "unclear: too few", "unclear: too few")


@pytest.mark.parametrize(
    ("totals", "worse"),
    [({"answered_per_s": 50.0}, ["rate all"]), ({"errors": 100}, ["errors all"]), ({"errors": 1}, [])],
)
def test_fewer_answers_and_more_errors_are_worse(totals: dict[str, float], worse: list[str]) -> None:
    found = verdicts(report(), report(totals=totals))
    assert [name for name, verdict in found.items() if verdict == "worse"] == worse


@pytest.mark.parametrize(
    ("capacity", "failed", "verdict"),
    [(50.0, 55.0, "worse"), (95.0, 99.0, "worse, within the ratio"), (95.0, 105.0, "same"), (150.0, None, "better")],
)
def test_of_two_searches_only_the_capacities_are_compared(capacity: float, failed: float | None, verdict: str) -> None:
    a = report(kind="capacity", totals={"capacity_per_s": 100.0, "failed_per_s": 110.0})
    b = report(kind="capacity", totals={"capacity_per_s": capacity, "failed_per_s": failed}, slower=9)
    assert verdicts(a, b) == {"capacity all": verdict}


def test_what_makes_a_comparison_doubtful_is_remarked() -> None:
    sold_out = report(seed=2, totals={"sold_out_at_s": 3.5}, settings={"seed": 2})
    found = compare(report(), sold_out, max_ratio=None)["remarks"]
    assert found == [
        "B was sold out after 3.5 s: from then on it had another mix",
        "A has seed 1, B has 2",
    ]


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"settings": {"rate": 200.0}}, "A has rate 100.0 and B has 200.0: the loads cannot be compared"),
        ({"settings": {"profile": "onsale"}}, 'A has profile "mixed" and B has "onsale"'),
        ({"kind": "drill"}, "A is a run and B is a drill"),
        ({"schema_version": 99}, "has schema_version 99, and not 1"),
    ],
)
def test_reports_of_other_loads_or_formats_are_refused(make: Make, changed: dict[str, Any], complaint: str) -> None:
    done = compared(make("a.json"), make("b.json", **changed))
    assert complaint in str(done.exception)
    assert done.output == ""


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is no JSON"),
        ("[1]", "is no report of `reservation load`"),
        ('{"schema_version": 1, "kind": "run"}', "is no whole report: audit, generator"),
    ],
)
def test_a_file_that_is_no_report_is_refused(make: Make, tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "b.json").write_text(content)
    assert complaint in str(compared(make("a.json"), tmp_path / "b.json").exception)


def test_two_runs_against_the_service_are_compared(cinema: Cinema, tmp_path: Path) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    for file in (a, b):
        cinema.reported(
            *("--duration", "2", "--rate", "40", "--users", "20", "--profile", "browse", "--timeout", "600"), file=file
        )
    assert "p50 of map" in compared(a, b).output
    assert read_report(a)["hdr"].keys() == read_report(a)["latency"].keys()
