"""What a text of a seat plan says: seats, and errors by line and column."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, product
from string import ascii_uppercase

from ...seatmap.seat_rows import row_number

# Letters that mean something without a legend.
BUILT_IN = {"A": "regular", "P": "premium", "W": "wheelchair", "C": "companion"}
STANDARD_TYPE, STANDARD_MODIFIER = "regular", "1.00"
GAPS = "_. "
LAST_LABEL = "ZZZ"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a letter stands for; the modifier is a factor on the showtime's base price, such as "1.50"."""

    seat_type: str
    price_modifier: str = STANDARD_MODIFIER


@dataclass(frozen=True, slots=True)
class PlannedSeat:
    """A seat as the API has it; x and y are None for a seat without a position."""

    row_label: str
    seat_number: int
    kind: Kind
    x: int | None
    y: int | None

    @property
    def label(self) -> tuple[str, int]:
        """Row and number, by which a seat is the one that the room has already."""
        return self.row_label, self.seat_number

    @property
    def name(self) -> str:
        """As people call it: A14."""
        return f"{self.row_label}{self.seat_number}"

    def body(self) -> dict[str, object]:
        """The seat in the API's body of a plan, without defaults: a plan of 10,000 seats is less than 1 MiB."""
        members = {"row_label": self.row_label, "seat_number": self.seat_number, "x": self.x, "y": self.y}
        kind = {"seat_type": self.kind.seat_type, "price_modifier": self.kind.price_modifier}
        return members | {
            name: value for name, value in kind.items() if value not in (STANDARD_TYPE, STANDARD_MODIFIER)
        }


@dataclass(frozen=True, slots=True)
class PlanError:
    """What is wrong in a text; line and column count from 1, the message has its values as {names}."""

    line: int
    column: int
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


def seat_of(seat: Mapping[str, object]) -> PlannedSeat:
    """A seat from the API's JSON."""
    return PlannedSeat(
        str(seat["row_label"]),
        int(str(seat["seat_number"])),
        Kind(str(seat["seat_type"]), str(seat["price_modifier"])),
        None if seat["x"] is None else int(str(seat["x"])),
        None if seat["y"] is None else int(str(seat["y"])),
    )


def labels_after(last: str | None) -> Iterator[str]:
    """The row labels after one, or from A."""
    first = 0 if last is None else row_number(last)
    for length in count(1):
        for letters in product(ascii_uppercase, repeat=length):
            label = "".join(letters)
            if row_number(label) > first:
                yield label
