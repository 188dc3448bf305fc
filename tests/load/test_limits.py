"""Customers keep within the limits of the target: nobody is refused for them, and the report says what was not sent."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from reservation.load import LoadError
from reservation.load.limits import HoldLimits, limit_lines
from tests.faults.test_serving import serving
from tests.load.conftest import Cinema

pytestmark = pytest.mark.long

REFUSALS = {"limit_reached", "too_many_attempts"}


def test_no_minute_has_more_holds_than_the_target_allows() -> None:
    limits, chance = HoldLimits(per_minute=60), random.Random(1)
    sent, now = [], 100.0
    while now < 400:
        now += chance.expovariate(20)
        if limits.take_turn(now):
            sent.append(now)
    for start in sent:
        assert sum(start <= at < start + 60 for at in sent) <= 60
    assert len(sent) > 200
    assert limits.refused["HOLDS_PER_MINUTE_PER_ADDRESS"] > 1000


def test_after_a_pause_holds_go_on() -> None:
    limits = HoldLimits(per_minute=60)
    assert limits.take_turn(100)
    limits.pause(150)
    assert not any(limits.take_turn(100 + second) for second in range(50))
    assert limits.take_turn(155)


def test_a_customer_at_a_limit_is_passed_over_until_a_hold_has_ended() -> None:
    limits = HoldLimits(max_holds=2, max_seats=5)
    holds: Counter[int] = Counter()
    while (user := limits.take_customer(0, 3, 9, 2)) is not None:
        holds[user] += 1
    assert holds == {0: 2, 1: 2, 2: 2}
    limits.sell(1)  # no longer a hold, but its seats count
    assert limits.take_customer(0, 3, 9, 2) is None
    assert limits.take_customer(0, 3, 9, 1) == 1
    limits.end(2, 9, 2)
    assert limits.take_customer(0, 3, 9, 2) == 2
    assert limits.take_customer(0, 3, 8, 5) is None  # all have two holds
    assert len(limit_lines(limits.refused)) == 1


def test_without_limits_everybody_may_hold() -> None:
    limits = HoldLimits()
    assert [limits.take_customer(7, 10, 1, 10) for _ in range(100)] == [7] * 100
    assert all(limits.take_turn(0) for _ in range(100))
    assert limits.refused == {}


@pytest.mark.parametrize("limits", [HoldLimits(max_seats_per_hold=3), HoldLimits(max_seats=3)])
def test_holds_of_more_seats_than_allowed_are_an_error_before_the_run(limits: HoldLimits) -> None:
    limits.check_seats(3)
    with pytest.raises(LoadError, match=r"holds of 4 seats: the target's MAX_SEATS_PER_.* is 3"):
        limits.check_seats(4)


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Cinema]:
    """A service with narrow limits."""
    with serving(
        tmp_path / "data",
        "--demo",
        ACCESS_LOG="off",
        MAX_HOLDS_PER_USER="2",
        MAX_SEATS_PER_USER_PER_SHOWTIME="6",
        HOLDS_PER_MINUTE_PER_ADDRESS="100",
    ) as instance:
        yield Cinema(f"http://127.0.0.1:{instance.port}", tmp_path / "data")


def test_a_target_with_limits_refuses_no_hold_for_them(limited: Cinema, tmp_path: Path) -> None:
    """The second run begins with what its customers bought in the first; the drill is refused before it begins."""
    for seed in ("1", "2"):
        report = limited.reported(
            *("--duration", "4", "--rate", "50", "--users", "2", "--timeout", "600", "--seed", seed),
            *("--mix", "hold=3,best=1,keyed=1,repeat=1,confirm=3", "--showtimes", "1"),
            file=tmp_path / f"{seed}.json",
        )
        assert REFUSALS & {row["code"] for row in report["outcomes"]} == set()
        assert report["totals"]["errors"] == 0
        assert report["totals"]["limited"]
    done = limited.load("drill", "--customers", "101", "--seats", "5")
    assert done.status == 1
    assert "allows 100 holds a minute from one address: set HOLDS_PER_MINUTE_PER_ADDRESS=0 there" in done.complaint


@pytest.mark.parametrize("provider", ["external", "stripe"])
def test_a_target_that_takes_payments_is_an_error_before_the_run(provider: str) -> None:
    HoldLimits().check_payment()
    with pytest.raises(LoadError, match=rf"PAYMENT_PROVIDER={provider}\).* set PAYMENT_PROVIDER=none there"):
        HoldLimits(payment_provider=provider).check_payment()


@pytest.fixture
def paid(tmp_path: Path) -> Iterator[Cinema]:
    """A service whose payments are made elsewhere."""
    with serving(tmp_path / "data", "--demo", ACCESS_LOG="off", PAYMENT_PROVIDER="external") as instance:
        yield Cinema(f"http://127.0.0.1:{instance.port}", tmp_path / "data")


def test_load_that_confirms_is_refused_at_once_by_a_target_that_takes_payments(paid: Cinema, tmp_path: Path) -> None:
    for arguments in (("--duration", "4"), ("capacity", "--step", "2"), ("drill", "--customers", "5")):
        done = paid.load(*arguments)
        assert done.status == 1, done.printed
        assert "the target takes payments (PAYMENT_PROVIDER=external)" in done.complaint
    without = ("--mix", "hold=1,map=1", "--rate", "20", "--duration", "3", "--users", "20", "--showtimes", "1")
    report = paid.reported(*without, file=tmp_path / "report.json")
    assert report["totals"]["errors"] == 0
    assert {row["status"] for row in report["outcomes"]} <= {200, 201, 304, 409}
