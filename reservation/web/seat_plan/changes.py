"""What a new plan changes in a room, shown before it is saved."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ...seatmap.seat_rows import row_number
from .planned_seats import PlannedSeat


@dataclass(frozen=True, slots=True)
class PlanChanges:
    """Seats that are new, other than before, or gone; a seat is the same by its row and number."""

    added: Sequence[PlannedSeat]
    changed: Sequence[PlannedSeat]
    removed: Sequence[PlannedSeat]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def changes_of(before: Iterable[PlannedSeat], after: Iterable[PlannedSeat]) -> PlanChanges:
    """What saving a plan does to the seats that the room has."""
    old, new = {seat.label: seat for seat in before}, {seat.label: seat for seat in after}
    return PlanChanges(
        added=[seat for label, seat in new.items() if label not in old],
        changed=[seat for label, seat in new.items() if label in old and old[label] != seat],
        removed=[seat for label, seat in old.items() if label not in new],
    )


def spans_of(seats: Iterable[PlannedSeat]) -> Iterator[str]:
    """Seats as people list them: A 1-12, B 3."""
    ordered = sorted(seats, key=lambda seat: (row_number(seat.row_label), seat.seat_number))
    for label, row in groupby(ordered, key=lambda seat: seat.row_label):
        numbers = [seat.seat_number for seat in row]
        parts = []
        for _, run in groupby(enumerate(numbers), key=lambda each: each[1] - each[0]):
            found = [number for _, number in run]
            parts.append(str(found[0]) if len(found) == 1 else f"{found[0]}\u2013{found[-1]}")
        yield f"{label} {', '.join(parts)}"


def with_places(seats: Sequence[PlannedSeat]) -> list[PlannedSeat]:
    """The plan with a place for each seat: those without one come behind the others, a line for each row."""
    last_y = max((seat.y for seat in seats if seat.y is not None), default=0)
    others = [seat for seat in seats if seat.x is None]
    labels = sorted({seat.row_label for seat in others}, key=row_number)
    y_of = {label: y for y, label in enumerate(labels, start=last_y + 1)}
    return [seat if seat.x is not None else replace(seat, x=seat.seat_number, y=y_of[seat.row_label]) for seat in seats]
