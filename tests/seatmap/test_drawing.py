"""Drawings of maps: one that is made from another equals a fresh one, and a compressed one equals a plain one."""

import gzip
import zlib
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from reservation.db.repository.auditoriums import RoomPlan
from reservation.seatmap import drawing
from reservation.seatmap.drawing import (
    CHUNK_SEATS,
    Drawing,
    changed_places,
    compress,
    draw,
    draw_compressed,
    seats_at,
)
from reservation.seatmap.rooms import Room, plan_of, room_of
from tests.seatmap.room_seats import seats_of

FRAME = (b'{"version":1,"seats":[', b"]}")
OTHER_FRAME = (b'{"version":1234567890123456,"since":null,"seats":[', b"]}")
NAMES = {"a": "available", "h": "held", "b": "booked"}
MODIFIERS = ("1.00", "1.50", "0.33")


def room_with(seats: int) -> Room:
    ids = range(1001, 1001 + seats)
    modifiers = [MODIFIERS[number % 3] for number in range(seats)]
    nowhere = [None] * seats
    columns = (["A"] * seats, range(1, seats + 1), ["regular"] * seats, modifiers, nowhere, nowhere)
    plan = plan_of(RoomPlan(7, 3, ids, *columns))
    return room_of(plan, Decimal("9.99"))


ROOMS = {seats: room_with(seats) for seats in (0, 1, 2, CHUNK_SEATS - 1, CHUNK_SEATS, CHUNK_SEATS + 1, 333, 10_000)}


def shown(body: bytes) -> list[tuple[int, str, str]]:
    return [(seat["id"], seat["price"], seat["status"]) for seat in orjson.loads(body)["seats"]]


def expected(room: Room, statuses: bytes) -> list[tuple[int, str, str]]:
    return [
        (seat.seat_id, seat.price, NAMES[chr(status)]) for seat, status in zip(seats_of(room), statuses, strict=True)
    ]


@pytest.mark.parametrize("seats", ROOMS)
def test_a_drawing_shows_every_seat_with_its_price_and_status(seats: int) -> None:
    room = ROOMS[seats]
    statuses = (b"ahb" * seats)[:seats]
    drawn = draw(room, statuses, FRAME, None)
    assert shown(drawn.body) == expected(room, statuses)
    assert b",".join(orjson.dumps(seat) for seat in orjson.loads(drawn.body)["seats"]) in drawn.body


@st.composite
def histories(draw_value: st.DrawFn) -> tuple[Room, Sequence[bytes]]:
    """A room, and its statuses one after the other: few or many seats change each time."""
    room = ROOMS[draw_value(st.sampled_from([seats for seats in ROOMS if seats < 1000]))]
    places = st.integers(0, max(0, len(room.places) - 1))
    statuses, history = bytearray(b"a" * len(room.places)), [b"a" * len(room.places)]
    for changes in draw_value(st.lists(st.lists(st.tuples(places, st.sampled_from(b"ahb")), max_size=30), max_size=6)):
        for place, status in changes if statuses else ():
            statuses[place] = status
        history.append(bytes(statuses))
    return room, history


@settings(max_examples=300, deadline=None)
@given(histories(), st.lists(st.booleans(), min_size=7, max_size=7))
def test_a_patched_drawing_equals_a_fresh_one(given_history: tuple[Room, Sequence[bytes]], framed: list[bool]) -> None:
    room, history = given_history
    plain: Drawing | None = None
    packed: Drawing | None = None
    for statuses, other in zip(history, framed, strict=False):
        frame = OTHER_FRAME if other else FRAME
        plain = draw(room, statuses, frame, plain)
        assert plain == draw(room, statuses, frame, None)
        packed = draw_compressed(plain, frame, packed)
        assert packed == draw_compressed(plain, frame, None)
        assert gzip.decompress(packed.body) == plain.body
        assert shown(plain.body) == expected(room, statuses)


def test_only_changed_chunks_are_drawn_and_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    room = ROOMS[10_000]
    plain = draw(room, b"a" * 10_000, FRAME, None)
    packed = draw_compressed(plain, FRAME, None)
    parts: list[int] = []
    deflate = drawing._deflate
    monkeypatch.setattr(drawing, "_deflate", lambda data: parts.append(len(data)) or deflate(data))  # type: ignore[func-returns-value]
    statuses = bytearray(b"a" * 10_000)
    statuses[4711], statuses[4712], statuses[0] = b"hbh"
    after = draw_compressed(draw(room, bytes(statuses), FRAME, plain), FRAME, packed)
    assert len(parts) == 2 + len((b"head", b"tail"))
    assert gzip.decompress(after.body) == draw(room, bytes(statuses), FRAME, None).body


def test_another_room_is_drawn_anew() -> None:
    cheap, dear = ROOMS[333], room_of(ROOMS[333].plan, Decimal("20.00"))
    before = draw(cheap, b"a" * 333, FRAME, None)
    assert draw(dear, b"a" * 333, FRAME, before) == draw(dear, b"a" * 333, FRAME, None)
    packed = draw_compressed(before, FRAME, None)
    plain = draw(dear, b"a" * 333, FRAME, None)
    assert gzip.decompress(draw_compressed(plain, FRAME, packed).body) == plain.body


@pytest.mark.parametrize("seats", [1, 333, 10_000])
def test_a_compressed_drawing_is_one_gzip_member_and_smaller(seats: int) -> None:
    """Browsers stop at the end of the first member."""
    plain = draw(ROOMS[seats], (b"ahb" * seats)[:seats], FRAME, None)
    packed = draw_compressed(plain, FRAME, None)
    reader = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert reader.decompress(packed.body) == plain.body
    assert (reader.eof, reader.unused_data) == (True, b"")
    assert seats < 100 or len(packed.body) < len(plain.body) / 8
    assert gzip.decompress(compress(plain.body)) == plain.body


@settings(max_examples=300, deadline=None)
@given(histories())
def test_changed_places_are_those_where_two_maps_differ(given_history: tuple[Room, Sequence[bytes]]) -> None:
    room, history = given_history
    for before, after in pairwise(history):
        places = changed_places(before, after)
        assert places == [place for place in range(len(after)) if before[place] != after[place]]
        seats = orjson.loads(b"[%b]" % seats_at(room, after, places))
        assert [seat["id"] for seat in seats] == [room.plan.seat_ids[place] for place in places]
        assert [seat["status"][0] for seat in seats] == [chr(after[place]) for place in places]
