"""Thresholds as the exit status: kept, missed, or not to be judged."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reservation.commands.load import load
from reservation.load.thresholds import Threshold, threshold_lines
from tests.load.conftest import Cinema

REPORT: dict[str, Any] = {
    "totals": {"offered": 200, "errors": 3, "dropped": 1, "answered_per_s": 90.0},
    "latency": {"all": {"p99_ms": 40.0}, "hold": {"count": 0}},
}
RUN = ("--duration", "2", "--rate", "30", "--users", "50", "--timeout", "600", "--profile", "browse")


@pytest.mark.parametrize(
    ("threshold", "line"),
    [
        (Threshold("p99", 40), "passed: p99 of all 40 ms, at most 40 ms was asked for"),
        (Threshold("p99", 25), "FAILED: p99 of all 40 ms, at most 25 ms was asked for: missed by 15 ms, 60%"),
        (
            Threshold("p99", 9, operation="hold"),
            "FAILED: p99 of hold: nothing was measured; at most 9 ms was asked for",
        ),
        (Threshold("errors", 4, "errors"), "passed: errors 4 errors, at most 4 errors was asked for"),
        (
            Threshold("errors", 0, "errors"),
            "FAILED: errors 4 errors, at most 0 errors was asked for: missed by 4 errors",
        ),
        (Threshold("errors", 1, "%"), "FAILED: errors 2 %, at most 1 % was asked for: missed by 1 %, 100%"),
        (Threshold("rate", 90, "requests/s"), "passed: answers 90 requests/s, at least 90 requests/s was asked for"),
        (
            Threshold("rate", 100, "requests/s"),
            "FAILED: answers 90 requests/s, at least 100 requests/s was asked for: missed by 10 requests/s, 10%",
        ),
    ],
)
def test_a_threshold_says_whether_it_was_kept_and_by_how_much_it_was_missed(threshold: Threshold, line: str) -> None:
    assert threshold_lines([threshold.check(REPORT)]) == [line]


def test_a_missed_threshold_is_exit_status_4_and_kept_ones_are_0(cinema: Cinema, tmp_path: Path) -> None:
    kept = cinema.load(*RUN, "--max-p99", "600000", "--max-errors", "0", "--max-p50", "map=600000", "--min-rate", "0")
    assert (kept.status, kept.printed.count("passed: ")) == (0, 4), kept.printed + kept.complaint
    file, page = tmp_path / "report.json", tmp_path / "report.html"
    missed = cinema.load(*RUN, "--max-p99", "map=0.001", "--max-errors", "0%", "--json", file, "--html", page)
    assert missed.status == 4
    assert "FAILED: p99 of map " in missed.printed
    assert "FAILED: p99 of map " in page.read_text()
    p99, errors = json.loads(file.read_text())["thresholds"]
    assert (p99["name"], p99["operation"], p99["bound"], p99["passed"]) == ("p99", "map", 0.001, False)
    assert (errors["found"], errors["unit"], errors["passed"]) == (0, "%", True)


@pytest.mark.parametrize(
    "arguments",
    ["--max-p99 nap=5", "--max-p99 x", "--max-p99 hold=0", "--max-errors x", "--max-errors 101%", "--min-rate nan"],
)
def test_an_invalid_threshold_is_a_usage_error(arguments: str) -> None:
    done = CliRunner().invoke(load, arguments.split())
    assert done.exit_code == 2
    assert arguments.split(maxsplit=1)[0] in done.output
