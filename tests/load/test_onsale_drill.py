"""Ten thousand customers want five hundred seats at one instant, and a real service with two workers sells them."""

import json
from pathlib import Path

import pytest

from tests.load.conftest import Cinema

pytestmark = pytest.mark.long

CUSTOMERS, SEATS = 10_000, 500


def test_every_seat_is_sold_exactly_once(cinema: Cinema, tmp_path: Path) -> None:
    page = tmp_path / "drill.html"
    report = cinema.reported(
        *("drill", "--customers", str(CUSTOMERS), "--seats", str(SEATS), "--timeout", "120", "--html", page),
        file=tmp_path / "drill.json",
    )
    totals = report["totals"]
    assert report["kind"] == "drill"
    assert totals["seats_sold"] == SEATS
    assert totals["buyers"] + totals["empty_handed"] == CUSTOMERS
    assert SEATS / 4 <= totals["buyers"] <= SEATS
    assert totals["holds_granted"] == totals["buyers"]
    assert totals["holds_refused"] >= totals["empty_handed"]
    assert totals["errors"] == 0
    assert 0 < totals["first_sale_s"] <= totals["last_sale_s"] <= totals["last_answer_s"]
    assert [check["passed"] for check in report["checks"]] == [True] * 3
    assert report["audit"]["clean"]
    assert report["audit"]["stores_audited"]
    assert report["audit"]["seats_found_booked"] == SEATS
    assert page.read_text().count("<svg") == 3
    with cinema.database() as connection:
        owners = connection.execute(
            "select count(*), count(distinct seat_id), count(distinct reservation_id) from booked_seats"
            " where showtime_id = %s",
            [report["settings"]["showtime_id"]],
        ).fetchone()
    assert owners == (SEATS, SEATS, totals["buyers"])


def test_the_administrator_makes_the_room_of_a_remote_drill(cinema: Cinema, tmp_path: Path) -> None:
    file = tmp_path / "drill.json"
    drill = ("drill", "--remote", "--admin-email", "admin@example.com", "--admin-password", "demo-admin-password")
    done = cinema.load(
        *drill, *("--customers", "12", "--seats", "23", "--per-customer", "2", "--json", file), data_dir=tmp_path / "no"
    )
    assert done.status == 0, done.printed + done.complaint
    report = json.loads(file.read_text())
    assert report["totals"]["seats_sold"] == 23  # the last of the twelve takes the single seat that is left
    assert report["totals"]["buyers"] == 12
    assert not report["audit"]["stores_audited"]


def test_too_few_customers_leave_seats_and_fail_the_check(cinema: Cinema, tmp_path: Path) -> None:
    file = tmp_path / "drill.json"
    done = cinema.load("drill", "--customers", "3", "--seats", "30", "--per-customer", "1", "--json", file)
    assert done.status == 3
    assert "VIOLATION: every seat was sold exactly once: 3 of 30 seats sold" in done.printed
    assert [check["passed"] for check in json.loads(file.read_text())["checks"]] == [False, True, True]
