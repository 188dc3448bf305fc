"""The best seats for a group: which adjacent free seats of a room to offer. Arithmetic only, nothing is read or kept.

Blocks are ranked by what they leave behind first, and then by where they are:

1. Fewer orphans. An orphan is a free seat that the block leaves without a free seat beside it, whatever their types:
   hardly anybody buys it.
2. No group less. Where `len(run) // quantity` groups of this size fit into a run of free seats, as many still fit when
   one of them has this block. So groups of one size fill a row to its last seat, whoever comes first, and two blocks
   chosen at once from different pictures of a row that they fill either are the same or do not touch.
3. The lowest score: 2 x (rows from the focal row) + (seats between the middle of the block and the middle of its row).
   A row is about twice as deep as a seat is wide.

Of equals the one further back wins, then the one with the lower seat numbers.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from heapq import nsmallest
from typing import NamedTuple

ANY_TYPE = frozenset({"regular", "premium"})  # whoever needs a wheelchair place asks for one; nobody else is given it
HALF_SEATS_A_ROW = 4  # scores are in half seats, which keeps them whole
ALPHABET = 26


@dataclass(frozen=True, slots=True)
class Row:
    """A row's seats by their number; two are adjacent when their numbers are consecutive."""

    label: str
    seat_ids: tuple[int, ...]
    numbers: tuple[int, ...]
    types: tuple[str, ...]


class _Rank(NamedTuple):
    """A block from seat `first` of row `-behind`, in the order of preference."""

    orphans: int
    is_split: bool
    score: int
    behind: int
    first: int


def best_blocks(
    rows: Sequence[Row],
    focal_row: str | None,
    taken: Set[int],
    *,
    quantity: int,
    seat_type: str | None = None,
    most: int = 1,
) -> list[tuple[int, ...]]:
    """The seat ids of the best blocks, up to `most`, best first; empty when no row has so many adjacent seats left.

    They may overlap, and all are as good as the best in what they leave behind. Without a seat_type, regular and
    premium seats are alike.
    """
    wanted = ANY_TYPE if seat_type is None else frozenset({seat_type})
    focal = focal_index([row.label for row in rows], focal_row)
    best: list[_Rank] = []
    for index in sorted(range(len(rows)), key=lambda index: abs(index - focal)):
        away = HALF_SEATS_A_ROW * abs(index - focal)
        if len(best) == most and best[-1] < (0, False, away):
            break  # no row that is further away has a better one
        best = nsmallest(most, [*best, *_ranks(rows[index], index, away, taken, quantity, wanted)])
    return [rows[-rank.behind].seat_ids[rank.first : rank.first + quantity] for rank in best if rank[:2] == best[0][:2]]


def focal_index(labels: Sequence[str], focal_row: str | None) -> int:
    """The place among the labels, which are in order, of the row that has the best view.

    None is the row two thirds back. For a label that is not there it is the nearest one, of two the one further back.
    """
    if focal_row is None:
        return max(0, -(-2 * len(labels) // 3) - 1)
    wanted = _number(focal_row)
    return min(range(len(labels)), key=lambda index: (abs(_number(labels[index]) - wanted), -index), default=0)


def _number(label: str) -> int:
    """A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in label:
        number = number * ALPHABET + ord(letter) - ord("A") + 1
    return number


def _ranks(row: Row, index: int, away: int, taken: Set[int], quantity: int, wanted: Set[str]) -> Iterator[_Rank]:
    free = [seat_id not in taken for seat_id in row.seat_ids]
    if free.count(True) < quantity:
        return
    numbers, middle = row.numbers, row.numbers[0] + row.numbers[-1]
    for start, end in _runs(row, free, wanted):
        groups = (end - start) // quantity
        for first in range(start, end - quantity + 1):
            last = first + quantity - 1
            still = (first - start) // quantity + 1 + (end - 1 - last) // quantity
            orphans = _is_left_alone(row, free, first, -1) + _is_left_alone(row, free, last, 1)
            score = away + abs(numbers[first] + numbers[last] - middle)
            yield _Rank(orphans, still < groups, score, -index, first)


def _runs(row: Row, free: Sequence[bool], wanted: Set[str]) -> Iterator[tuple[int, int]]:
    """The longest stretches of adjacent free seats of the wanted types: where each starts, and ends before."""
    start = 0
    for here, number in enumerate(row.numbers):
        if here > start and number != row.numbers[here - 1] + 1:
            yield start, here
            start = here
        if not free[here] or row.types[here] not in wanted:
            if here > start:
                yield start, here
            start = here + 1
    if start < len(row.numbers):
        yield start, len(row.numbers)


def _is_left_alone(row: Row, free: Sequence[bool], edge: int, step: int) -> bool:
    """Whether the seat next to this edge of a block is free, and the one behind it is not."""
    return _is_free_beside(row, free, edge, step) and not _is_free_beside(row, free, edge + step, step)


def _is_free_beside(row: Row, free: Sequence[bool], seat: int, step: int) -> bool:
    beside = seat + step
    return 0 <= beside < len(free) and free[beside] and row.numbers[beside] == row.numbers[seat] + step
