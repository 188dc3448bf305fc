"""A seat plan as shapes of an SVG. One path for all seats of a type keeps a room of 10,000 seats below 400 KB."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from .changes import with_places
from .planned_seats import BUILT_IN, Kind, PlannedSeat

CELL, SEAT = 24, 20  # side of a place and of a seat
WIDEST_GAP = 4  # places that the drawing leaves free, however many the plan does
LEFT, TOP = 44, 40  # for the row labels and the screen
OTHER = "other"
SQUARE = f"h{SEAT}v{SEAT}h-{SEAT}z"


@dataclass(frozen=True, slots=True)
class Text:
    """Letters, each at an x of its own."""

    xs: str
    y: int
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the template draws; `paths` by the name of their class."""

    width: int
    height: int
    paths: Mapping[str, str]
    letters: Sequence[Text]
    labels: Sequence[Text]


def draw(
    seats: Sequence[PlannedSeat],
    letters: Mapping[Kind, str],
    outlined: Mapping[str, Iterable[PlannedSeat]],
) -> Drawing:
    """Seats with their letters; `outlined` seats also have a frame of a class, and may be gone from the plan."""
    gone = [seat for group in outlined.values() for seat in group if seat not in set(seats)]
    placed = {seat.label: seat for seat in with_places([*seats, *gone])}
    column = _compressed(seat.x or 0 for seat in placed.values())
    line = _compressed(seat.y or 0 for seat in placed.values())
    paths: dict[str, list[str]] = defaultdict(list)

    def square(seat: PlannedSeat) -> str:
        at = placed[seat.label]
        return f"M{LEFT + column[at.x or 0] * CELL} {TOP + line[at.y or 0] * CELL}{SQUARE}"

    for seat in seats:
        paths[type_class(seat.kind)].append(square(seat))
    for name, group in outlined.items():
        paths[name] += map(square, group)
    texts, labels = [], []
    in_plan = sorted((placed[seat.label] for seat in seats), key=lambda seat: (seat.y or 0, seat.x or 0))
    for y, row in groupby(in_plan, key=lambda seat: seat.y or 0):
        found = list(row)
        base = TOP + line[y] * CELL + 15
        xs = " ".join(str(LEFT + column[seat.x or 0] * CELL + SEAT // 2) for seat in found)
        texts.append(Text(xs, base, "".join(letters[seat.kind] for seat in found)))
        labels.append(Text(str(LEFT - 8), base, "/".join(dict.fromkeys(seat.row_label for seat in found))))
    return Drawing(
        width=LEFT + (max(column.values(), default=0) + 1) * CELL + 8,
        height=TOP + (max(line.values(), default=0) + 1) * CELL + 8,
        paths={name: "".join(parts) for name, parts in paths.items()},
        letters=texts,
        labels=labels,
    )


def type_class(kind: Kind) -> str:
    """The class of a seat type: those that every room may have look different from all others."""
    return kind.seat_type if kind.seat_type in BUILT_IN.values() else OTHER


def _compressed(values: Iterable[int]) -> dict[int, int]:
    """The places of a drawing for positions of a plan, without the widest gaps."""
    ordered = sorted(set(values))
    places = dict.fromkeys(ordered[:1], 0)
    for before, value in pairwise(ordered):
        places[value] = places[before] + min(value - before, WIDEST_GAP)
    return places
