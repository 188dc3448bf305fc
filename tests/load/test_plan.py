"""The plan is a pure function of what it is made from, and arrivals come as a Poisson process does."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from statistics import fmean, pvariance

import pytest

from reservation.load.plan import PROFILES, Plan

BUSY = Plan(
    profile=PROFILES["mixed"],
    rate=500,
    duration_s=40,
    ramp_s=0,
    contention=0.25,
    users=50,
    seats=(1, 4),
    seed=7,
)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_equal_plans_give_equal_arrivals_and_another_seed_gives_others(name: str) -> None:
    plan = replace(BUSY, profile=PROFILES[name])
    arrivals = list(plan.arrivals())
    assert arrivals == list(replace(plan).arrivals())
    assert arrivals != list(replace(plan, seed=8).arrivals())
    assert {arrival.operation for arrival in arrivals} == set(plan.profile.shares)


def test_more_users_change_only_the_users_of_the_arrivals() -> None:
    few, many = list(BUSY.arrivals()), list(replace(BUSY, users=5000).arrivals())
    assert [(arrival.at_s, arrival.operation, arrival.showtime_draw) for arrival in few] == [
        (arrival.at_s, arrival.operation, arrival.showtime_draw) for arrival in many
    ]
    assert max(arrival.user for arrival in few) < 50 <= max(arrival.user for arrival in many)


def test_gaps_between_arrivals_are_exponential_with_the_mean_of_the_rate() -> None:
    instants = [arrival.at_s for arrival in BUSY.arrivals()]
    expected = BUSY.rate * BUSY.duration_s
    assert abs(len(instants) - expected) < 5 * expected**0.5
    assert instants == sorted(instants)
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    assert fmean(gaps) == pytest.approx(1 / BUSY.rate, rel=0.05)
    assert pvariance(gaps) ** 0.5 == pytest.approx(1 / BUSY.rate, rel=0.05)  # exponential: its deviation is its mean


def test_the_rate_rises_linearly_along_the_ramp() -> None:
    instants = [arrival.at_s for arrival in replace(BUSY, ramp_s=20).arrivals()]
    expected = BUSY.rate * (BUSY.duration_s - 20 / 2)
    assert abs(len(instants) - expected) < 5 * expected**0.5
    in_ramp = [at for at in instants if at < 20]
    assert sum(at < 10 for at in in_ramp) / len(in_ramp) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("contention", [0.0, 0.25, 1.0])
def test_contention_is_the_share_of_hot_arrivals(contention: float) -> None:
    arrivals = list(replace(BUSY, contention=contention).arrivals())
    assert sum(arrival.hot for arrival in arrivals) / len(arrivals) == pytest.approx(contention, abs=0.02)


def test_operations_have_the_shares_of_the_profile_and_seats_the_range() -> None:
    arrivals = list(BUSY.arrivals())
    operations = Counter(arrival.operation for arrival in arrivals)
    for operation, share in BUSY.profile.shares.items():
        assert operations[operation] / len(arrivals) == pytest.approx(share, abs=0.015)
    assert Counter(arrival.seats for arrival in arrivals).keys() == {1, 2, 3, 4}
    assert {arrival.seats for arrival in replace(BUSY, seats=(3, 3)).arrivals()} == {3}


def test_in_the_mixed_profile_every_hold_finds_its_confirm_and_its_cancel() -> None:
    shares, fates = PROFILES["mixed"].shares, PROFILES["mixed"].fates
    assert sum(shares.values()) == pytest.approx(1)
    assert sum(fates.values()) == pytest.approx(1)
    assert shares["confirm"] == pytest.approx(shares["hold"] * (fates["keep"] + fates["return"]))
    assert shares["cancel"] == pytest.approx(shares["hold"] * (fates["return"] + fates["release"]))
