"""The places of consecutive ids, which are a range, are those that a dict would give."""

import pytest
from hypothesis import given, strategies as st

from reservation.seatmap.seat_places import ConsecutivePlaces, compact, places_of


@given(first=st.integers(1, 2**40), count=st.integers(0, 300), asked=st.integers(-5, 305))
def test_places_of_consecutive_ids_are_those_of_a_dict(first: int, count: int, asked: int) -> None:
    ids = compact([first + place for place in range(count)])
    places, expected = places_of(ids), {first + place: place for place in range(count)}

    assert isinstance(places, ConsecutivePlaces)
    assert len(places) == count
    seat_id = first + asked
    assert (seat_id in places) == (seat_id in expected)
    assert places.known([seat_id, first]) == [expected[each] for each in (seat_id, first) if each in expected]
    if seat_id in expected:
        assert places[seat_id] == expected[seat_id]
    else:
        with pytest.raises(KeyError, match=str(seat_id)):
            places[seat_id]


@given(ids=st.lists(st.integers(1, 30), unique=True, max_size=20))
def test_compact_ids_are_the_same_in_the_same_order(ids: list[int]) -> None:
    found = compact(ids)

    assert list(found) == ids
    assert isinstance(found, range) == (ids == list(range(ids[0], ids[0] + len(ids))) if ids else True)
    assert {seat_id: places_of(found)[seat_id] for seat_id in ids} == {each: place for place, each in enumerate(ids)}
    assert places_of(found).known([0, *reversed(ids), 31]) == [*reversed(range(len(ids)))]
