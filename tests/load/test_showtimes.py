"""What customers know of a showtime: its newest map, and the seats that they choose from it."""

import orjson
import pytest

from reservation.load.connection import Answer
from reservation.load.showtimes import Showtime, best_first


def seat_map(version: int, *taken: int) -> Answer:
    """Three rows of five seats, numbered from 1."""
    seats = [
        {
            "id": 5 * row + place + 1,
            "row_label": "ABC"[row],
            "status": "held" if 5 * row + place + 1 in taken else "available",
        }
        for row in range(3)
        for place in range(5)
    ]
    body = orjson.dumps({"version": version, "seats": seats})
    return Answer(200, "", b'\r\nETag: "%d"\r\n' % version, body, 0, 0)


@pytest.fixture
def show() -> Showtime:
    answer = seat_map(1)
    made = Showtime(1, best_first(orjson.loads(answer.body)["seats"]))
    made.keep_map(answer)
    return made


def test_the_best_seats_are_those_in_the_middle(show: Showtime) -> None:
    assert show.best(3) == [8, 7, 9]
    assert show.best(100)[:5] == [8, 7, 9, 6, 10]
    assert len(show.best(100)) == 15
    assert show.best(2, without=frozenset({8, 9})) == [7, 6]


def test_other_customers_take_adjacent_seats_that_no_customer_has(show: Showtime) -> None:
    assert show.adjacent(3, 0.0) == [1, 2, 3]
    assert show.adjacent(3, 0.999) == [15, 1, 2]
    show.taken.update({1, 2})
    assert show.adjacent(2, 0.0) == [3, 4]
    assert show.adjacent(2, 0.0, without=frozenset({3})) == [4, 5]
    show.taken.update(range(16))
    assert show.adjacent(1, 0.5) == []


def test_an_overtaken_map_does_not_replace_a_newer_one(show: Showtime) -> None:
    show.keep_map(seat_map(7, 8, 9))
    assert 8 not in show.free_seats()
    show.keep_map(seat_map(6))  # answered later than the newer one
    assert 8 not in show.free_seats()
    assert show.best(2) == [7, 6]
    assert show.etag == '"6"'  # an old version only makes the next answer a whole map
