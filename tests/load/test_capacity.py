"""The search for the capacity: which rates it tries, what it finds, and what limited it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from reservation.commands.load import load
from reservation.load.capacity import Search
from tests.load.conftest import Cinema

pytestmark = pytest.mark.long

PATIENT = ("--users", "20", "--timeout", "600", "--profile", "browse", "--step", "1", "--growth", "2")


def tried(search: Search, capacity: float, *, stalls: tuple[int, ...] = ()) -> list[float]:
    """The rates of a search on a service of that capacity; steps with these numbers fail whatever their rate."""
    rates: list[float] = []
    while (rate := search.next_rate()) is not None:
        rates.append(rate)
        search.record(rate, is_sustained=rate <= capacity and len(rates) not in stalls)
    return rates


@pytest.mark.parametrize("capacity", [1.0, 49, 50, 333, 7777])
def test_a_search_ends_within_its_precision_of_the_capacity(capacity: float) -> None:
    search = Search(50, 1.5, 10_000, 0.05)
    assert len(tried(search, capacity)) < 50
    assert search.sustained <= capacity < search.failed <= search.sustained * 1.05


def test_a_single_stall_does_not_change_what_is_found() -> None:
    search, undisturbed = Search(50, 1.5, 10_000, 0.05), Search(50, 1.5, 10_000, 0.05)
    rates = tried(undisturbed, 333)
    assert tried(search, 333, stalls=(2,)) == [rates[0], rates[1], rates[1], *rates[2:]]
    assert (search.sustained, search.failed) == (undisturbed.sustained, undisturbed.failed)


def test_a_search_ends_at_the_highest_rate_and_with_none_sustained() -> None:
    highest, none = Search(50, 1.5, 100, 0.05), Search(50, 1.5, 100, 0.05)
    assert tried(highest, 1000) == [50, 75, 100]
    assert highest.sustained == 100
    assert min(tried(none, 0)) >= 0.5
    assert none.sustained == 0


def test_a_search_against_the_service_reports_its_steps(cinema: Cinema, tmp_path: Path) -> None:
    file, page = tmp_path / "capacity.json", tmp_path / "capacity.html"
    limits = ("--from", "10", "--to", "20", "--max-p99", "600000", "--max-errors", "100%")
    done = cinema.load("capacity", *PATIENT, *limits, "--json", file, "--html", page)
    report = json.loads(file.read_text())
    totals, sustained = report["totals"], [step["rate"] for step in report["steps"] if step["sustained"]]
    assert report["kind"] == "capacity"
    assert totals["capacity_per_s"] == max(sustained, default=0)  # 20 unless the machine was too busy
    assert totals["limited_by"]
    assert (done.status == 0) == ("capacity: " in done.printed) == bool(sustained), done.printed + done.complaint
    assert page.read_text().count("<svg") == 4


def test_a_search_that_no_rate_satisfies_ends_with_status_4_and_says_why(cinema: Cinema, tmp_path: Path) -> None:
    file = tmp_path / "capacity.json"
    done = cinema.load("capacity", *PATIENT, "--from", "2", "--max-p99", "0.001", "--json", file)
    assert done.status == 4, done.printed + done.complaint
    totals = json.loads(file.read_text())["totals"]
    assert totals["capacity_per_s"] == 0
    assert "p99 of all" in totals["limited_by"][0]
    assert "no rate was sustained: p99 of all" in done.printed


def test_a_start_above_the_highest_rate_is_a_usage_error() -> None:
    done = CliRunner().invoke(load, ["capacity", "--from", "100", "--to", "50"])
    assert done.exit_code == 2
    assert "--from 100 is above --to 50" in done.output
