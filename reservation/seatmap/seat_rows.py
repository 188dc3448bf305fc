"""A row of seats as bit masks: which seats are adjacent, and which suit a request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, TypeAlias, TypeVar

from .seat_places import CompactIds, compact

ALPHABET = 26
MAX_SHAPES = 1_000  # of rows, kept to be shared; some 500 bytes each
WHEELCHAIR, COMPANION = "wheelchair", "companion"


class Mix(Enum):
    """Seats of several types, which a request gets if there is nothing that suits it better."""

    ALL_BUT_WHEELCHAIR = "companion seats, too"
    ALL = "wheelchair places, too"
    WHEELCHAIR_AND_COMPANIONS = "one wheelchair place, and companion seats"
    WHEELCHAIR_AND_OTHERS = "one wheelchair place, and seats of any other type"
    WHEELCHAIRS = "one or more wheelchair places, and seats of any other type"


Column = TypeVar("Column", tuple[int, ...], tuple[str, ...])
# A seat type; None: all types but those of wheelchair places and their companions.
Kind: TypeAlias = str | Mix | None
NEEDS_WHEELCHAIR = (Mix.WHEELCHAIR_AND_COMPANIONS, Mix.WHEELCHAIR_AND_OTHERS, Mix.WHEELCHAIRS)


class PlacedSeat(NamedTuple):
    """A seat of a row, and its position in the drawing of the room, if it has one."""

    id: int
    number: int
    kind: str
    x: int | None
    y: int | None


@dataclass(frozen=True, slots=True)
class SeatRow:
    """A row's seats from left to right; two are adjacent when their positions are consecutive.

    The positions rise. They are the seat numbers if none are given.
    """

    label: str
    seat_ids: CompactIds
    numbers: tuple[int, ...]
    types: tuple[str, ...]
    positions: tuple[int, ...] = ()
    adjacent: int = field(init=False, compare=False)  # the seats whose right neighbour is there, too
    of_kind: dict[Kind, int] = field(init=False, compare=False)  # a Mix only where the row has its special seats

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", self.positions or self.numbers)
        object.__setattr__(self, "adjacent", bit_mask([left + 1 == right for left, right in pairwise(self.positions)]))
        object.__setattr__(self, "of_kind", _of_kind(self.types))

    def beside(self, seats: int) -> tuple[int, int]:
        """The seats that have one of these on their left, and on their right."""
        return (seats & self.adjacent) << 1, (seats >> 1) & self.adjacent


def rows_of(label: str, seats: Sequence[PlacedSeat]) -> Iterator[SeatRow]:
    """The seats of a label, in the order of their numbers, as rows: one for each `y` if all of them have positions.

    If some have none, they are one row by number, in which two seats with positions are adjacent only if these are.
    """
    if any(seat.x is None for seat in seats):
        yield _row(label, seats, [*_by_number(seats)])
        return
    for y in sorted({seat.y or 0 for seat in seats}):
        in_line = sorted((seat for seat in seats if seat.y == y), key=lambda seat: seat.x or 0)
        yield _row(label, in_line, [seat.x or 0 for seat in in_line])


def row_number(label: str) -> int:
    """The place of a row label among all of them: A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in label:
        number = number * ALPHABET + ord(letter) - ord("A") + 1
    return number


def bit_mask(seats: Sequence[bool]) -> int:
    return sum(1 << place for place, is_one in enumerate(seats) if is_one)


def _row(label: str, seats: Sequence[PlacedSeat], positions: Sequence[int]) -> SeatRow:
    ids, numbers, types, _, _ = zip(*seats, strict=True)
    return SeatRow(label, compact(ids), _shared(numbers), _shared(types), _shared(tuple(positions)))


@lru_cache(MAX_SHAPES)
def _shared(column: Column) -> Column:
    """The first one that was equal: many rows have the same numbers and types."""
    return column


def _by_number(seats: Sequence[PlacedSeat]) -> Iterator[int]:
    """The numbers, and from each aisle on one more."""
    aisles, left = 0, None
    for seat in seats:
        if left is not None and left.x is not None and seat.x is not None:
            aisles += seat.number == left.number + 1 and (seat.x, seat.y) != (left.x + 1, left.y)
        left = seat
        yield seat.number + aisles


@lru_cache(MAX_SHAPES)
def _of_kind(types: tuple[str, ...]) -> dict[Kind, int]:
    kinds: dict[Kind, int] = {kind: bit_mask([other == kind for other in types]) for kind in set(types)}
    every, wheelchair, companion = (1 << len(types)) - 1, kinds.get(WHEELCHAIR, 0), kinds.get(COMPANION, 0)
    kinds[None] = every & ~wheelchair & ~companion
    if companion:
        kinds[Mix.ALL_BUT_WHEELCHAIR] = every & ~wheelchair
    if wheelchair:
        kinds |= dict.fromkeys((Mix.ALL, Mix.WHEELCHAIR_AND_OTHERS, Mix.WHEELCHAIRS), every)
        kinds[Mix.WHEELCHAIR_AND_COMPANIONS] = wheelchair | companion
    return kinds
