"""A room's seats as customers see them: its plan, which all showtimes in the room share, and the plan at a price."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from sys import intern
from typing import TypeAlias
from weakref import WeakValueDictionary

import orjson

from ..db.repository.auditoriums import RoomPlan
from ..db.repository.reservation_rows import STANDARD, NamedRow, ReservedSeat
from .seat_places import CompactIds, Places, compact, places_of
from .seat_rows import PlacedSeat, SeatRow, rows_of

CENT = Decimal("0.01")
MAX_PRICES = 4096  # kept as JSON, some 500 bytes each
AVAILABLE, HELD, BOOKED, BLOCKED = b"ahbx"
_NAMES = {AVAILABLE: b"available", HELD: b"held", BOOKED: b"booked", BLOCKED: b"blocked"}

RoomKey = tuple[int, int, Decimal]  # auditorium, plan version, base price
# The end of a seat's JSON, from its price on, by its status.
Endings = dict[int, bytes]


# Labels of rows, seat numbers, seat types and price modifiers of a room, in the order of the map.
Columns: TypeAlias = tuple[tuple[str, ...], tuple[int, ...], tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Shape:
    """What rooms with seats of the same names, types and price modifiers have in common; some 150 bytes a seat."""

    labels: tuple[str, ...]  # of rows, by place, as all that follow
    numbers: tuple[int, ...]
    types: tuple[str, ...]
    modifiers: tuple[str, ...]  # price modifiers
    tails: tuple[bytes, ...]  # each seat as JSON from after its id up to its price


_shapes: "WeakValueDictionary[Columns, Shape]" = WeakValueDictionary()


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Plan:
    """The seats of a room at one version of its plan, in the order of the map.

    Some 12 bytes a seat if the ids are consecutive, else 120.
    """

    auditorium_id: int
    version: int
    seat_ids: CompactIds
    places: Places
    rows: tuple[SeatRow, ...]
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """A plan at the base price of a showtime; some 1,000 bytes, however many seats it has."""

    plan: Plan
    base_price: Decimal
    standard: NamedRow  # the ticket type of the seats at these prices
    prices: dict[str, str]  # by price modifier
    endings: dict[str, Endings]  # by price modifier; rooms share them
    places: Places = field(init=False)  # those of the plan
    rows: tuple[SeatRow, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", self.plan.places)
        object.__setattr__(self, "rows", self.plan.rows)

    @property
    def key(self) -> RoomKey:
        """What tells it from other rooms."""
        return self.plan.auditorium_id, self.plan.version, self.base_price

    def seats_at(self, places: Iterable[int]) -> tuple[ReservedSeat, ...]:
        """Seats at their prices, with tickets of the standard type."""
        shape, prices, standard = self.plan.shape, self.prices, self.standard
        ids, labels, numbers, modifiers = self.plan.seat_ids, shape.labels, shape.numbers, shape.modifiers
        return tuple(
            [ReservedSeat(ids[each], labels[each], numbers[each], prices[modifiers[each]], standard) for each in places]
        )


def plan_of(row: RoomPlan) -> Plan:
    """The plan that was read."""
    # Interned, since a room has few labels, types and modifiers, and the driver makes a new string for each seat.
    labels, types = tuple(map(intern, row.row_labels)), tuple(map(intern, row.seat_types))
    seat_ids = compact(row.seat_ids)
    return Plan(
        row.auditorium_id,
        row.plan_version,
        seat_ids,
        places_of(seat_ids),
        _rows(row, labels, types),
        _shape((labels, tuple(row.seat_numbers), types, tuple(map(intern, row.price_modifiers)))),
    )


def room_of(plan: Plan, base_price: Decimal, standard: NamedRow = STANDARD) -> Room:
    """The plan at a price: base_price x price_modifier, rounded half up to two digits, as PostgreSQL's round() does.

    `standard` is the ticket type of the seats at these prices.
    """
    modifiers = dict.fromkeys(plan.shape.modifiers)
    prices = {each: str((base_price * Decimal(each)).quantize(CENT, ROUND_HALF_UP)) for each in modifiers}
    return Room(plan, base_price, standard, prices, {each: _endings(price) for each, price in prices.items()})


@lru_cache(MAX_PRICES)
def _endings(price: str) -> Endings:
    return {status: b'%b","status":"%b"},' % (price.encode(), name) for status, name in _NAMES.items()}


def _rows(row: RoomPlan, labels: tuple[str, ...], types: tuple[str, ...]) -> tuple[SeatRow, ...]:
    seats = map(PlacedSeat, row.seat_ids, row.seat_numbers, types, row.xs, row.ys)
    labelled = groupby(zip(labels, seats, strict=True), key=itemgetter(0))
    return tuple(each for label, same in labelled for each in rows_of(label, [seat for _, seat in same]))


def _shape(columns: Columns) -> Shape:
    """The shape of these columns, which is one object while any plan has it."""
    shape = _shapes.get(columns)
    if shape is None:
        shape = _shapes[columns] = Shape(*columns, tuple(map(_tail, *columns[:3])))
    return shape


def _tail(row_label: str, seat_number: int, seat_type: str) -> bytes:
    seat = {"row_label": row_label, "seat_number": seat_number, "seat_type": seat_type, "price": ""}
    return b"," + orjson.dumps(seat)[1:].removesuffix(b'"}')
