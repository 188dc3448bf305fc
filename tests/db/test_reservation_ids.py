"""Ids of reservations name their showtime, and begin with the time."""

from itertools import pairwise
from time import time_ns
from uuid import RFC_4122, UUID, uuid4

import pytest
import uuid_utils

from reservation.db.reservation_ids import (
    CHANCE_BITS,
    MOST_SHOWTIME_ID,
    chance_of,
    new_reservation_id,
    reservation_id_of,
    showtime_of,
)


@pytest.mark.parametrize("showtime_id", [1, 2**28 - 1, 2**28, 123_456_789_012, MOST_SHOWTIME_ID])
def test_an_id_names_its_showtime(showtime_id: int) -> None:
    made = UUID(str(new_reservation_id(showtime_id)))
    assert (made.version, made.variant) == (8, RFC_4122)
    assert showtime_of(made) == showtime_id
    assert showtime_of(new_reservation_id(showtime_id, 2**CHANCE_BITS - 1)) == showtime_id


def test_an_id_has_the_time_in_front_whether_it_names_a_showtime_or_not() -> None:
    for showtime_id in (1, MOST_SHOWTIME_ID, MOST_SHOWTIME_ID + 1):
        earliest = time_ns() // 1_000_000
        made = new_reservation_id(showtime_id)
        assert earliest <= made.int >> 80 <= time_ns() // 1_000_000
    before, after = [reservation_id_of(2, at_ms, 0) for at_ms in (1_000, 1_001)]
    assert before < after
    assert reservation_id_of(MOST_SHOWTIME_ID, 1_000, 2**CHANCE_BITS - 1) < reservation_id_of(1, 1_001, 0)


def test_an_id_has_the_bits_of_chance_that_are_given() -> None:
    for showtime_id in (1, MOST_SHOWTIME_ID, MOST_SHOWTIME_ID + 1):
        assert chance_of(new_reservation_id(showtime_id, 987_654_321)) == 987_654_321


def test_a_showtime_with_a_higher_id_is_not_named() -> None:
    made = UUID(str(new_reservation_id(MOST_SHOWTIME_ID + 1)))
    assert (made.version, made.variant) == (7, RFC_4122)
    assert showtime_of(made) is None


def test_no_other_uuid_names_a_showtime() -> None:
    assert [showtime_of(UUID(str(each))) for each in (uuid_utils.uuid7(), uuid4(), UUID(int=0))] == [None] * 3
    assert showtime_of(UUID(int=2**128 - 1)) is None


def test_ids_that_are_made_at_once_differ() -> None:
    made = [new_reservation_id(1) for _ in range(20_000)]
    assert len(set(made)) == len(made)
    random_bits = [chance_of(each) for each in made]
    assert sum(later < earlier for earlier, later in pairwise(random_bits)) > 5_000  # no counter
