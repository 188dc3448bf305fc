"""A row of seats as bit masks: which seats are adjacent, and which are of which type."""

from collections.abc import Sequence
from dataclasses import dataclass, field

ALPHABET = 26
ANY_TYPE = ("regular", "premium")  # a wheelchair place is given only to a request for one


@dataclass(frozen=True, slots=True)
class SeatRow:
    """A row's seats by their number; two are adjacent when their numbers are consecutive."""

    label: str
    seat_ids: tuple[int, ...]
    numbers: tuple[int, ...]
    types: tuple[str, ...]
    adjacent: int = field(init=False, compare=False)  # the seats whose next number is there, too
    of_type: dict[str | None, int] = field(init=False, compare=False)  # None: for a request without a type

    def __post_init__(self) -> None:
        beside = [before + 1 == after for before, after in zip(self.numbers, self.numbers[1:], strict=False)]
        object.__setattr__(self, "adjacent", bit_mask(beside))
        kinds = {kind: bit_mask([other == kind for other in self.types]) for kind in set(self.types)}
        any_type = sum(kinds.get(kind, 0) for kind in ANY_TYPE)
        object.__setattr__(self, "of_type", {None: any_type, **kinds})

    def beside(self, seats: int) -> tuple[int, int]:
        """The seats that have one of these on their left, and on their right."""
        return (seats & self.adjacent) << 1, (seats >> 1) & self.adjacent


def row_number(label: str) -> int:
    """The place of a row label among all of them: A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in label:
        number = number * ALPHABET + ord(letter) - ord("A") + 1
    return number


def bit_mask(seats: Sequence[bool]) -> int:
    return sum(1 << place for place, is_one in enumerate(seats) if is_one)
