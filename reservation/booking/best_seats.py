"""The best seats for a group: which adjacent free seats of a room to offer. Arithmetic only, nothing is read.

Blocks are ranked by what they leave behind first, and then by where they are:

1. Fewer orphans. An orphan is a free seat that the block leaves without a free seat beside it, whatever their types:
   few customers buy one.
2. No group less. Where `len(run) // quantity` groups of this size fit into a run of free seats, as many still fit when
   one of them has this block. So groups of one size fill a row to its last seat in any order, and two blocks that are
   chosen at once by different workers either are the same or do not overlap.
3. The lowest score: 2 x (rows from the focal row) + (seats between the middle of the block and the middle of its row).
   A row is about twice as deep as a seat is wide.

Of equals the one further back wins, then the one further to the left.

Seats are adjacent by their positions in the drawing, or by their numbers if they have none (seatmap/seat_rows.py), so
no block goes across an aisle. Wheelchair places and companion seats are given to others when nothing else is left. A
request for wheelchair seats gets a block with one wheelchair place and companion seats, else one with other seats, else
one with several wheelchair places; such blocks are ranked without the second rule.

A row's seats are bits of a number, so that a row is looked at as a whole: bit i of a mask is seat i, or the block from
it on.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from heapq import merge, nsmallest
from itertools import islice
from typing import NamedTuple

from ..seatmap.seat_rows import NEEDS_WHEELCHAIR, WHEELCHAIR, Kind, Mix, SeatRow, bit_mask, row_number

HALF_SEATS_A_ROW = 4  # scores are in half seats, which keeps them whole
# What a request of a seat type gets: the first of these of which there is a block. Other types get seats of the type.
KINDS: dict[str | None, tuple[Kind, ...]] = {
    None: (None, Mix.ALL_BUT_WHEELCHAIR, Mix.ALL),
    WHEELCHAIR: NEEDS_WHEELCHAIR,
}


class Block(NamedTuple):
    """Adjacent seats of the row with this index, from one of its seats on."""

    row: int
    first: int
    seat_ids: tuple[int, ...]


class _Rank(NamedTuple):
    """The best block of row `-behind`, in the order of preference; all `blocks` leave behind what it does."""

    orphans: int
    is_split: bool
    score: int
    behind: int
    first: int
    blocks: int


@dataclass(frozen=True, slots=True)
class _Ranking:
    """The best of every row that has been looked at: so many, from the focal row on."""

    quantity: int
    kind: Kind
    ranks: dict[int, _Rank | None] = field(default_factory=dict)

    def copy(self) -> "_Ranking":
        """One that can change by itself."""
        return _Ranking(self.quantity, self.kind, self.ranks.copy())


@dataclass(frozen=True, slots=True)
class FreeSeats:
    """A room's free seats, and the best blocks of them; what it has found out is kept until the row changes."""

    rows: Sequence[SeatRow]
    focal: int
    outwards: Sequence[int]  # the rows, those around the focal row first
    free: list[int]
    rankings: dict[tuple[int, Kind], _Ranking] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[SeatRow], focal_row: str | None, taken: Set[int]) -> "FreeSeats":
        """All but those that are taken."""
        focal = focal_index([row.label for row in rows], focal_row)
        outwards = sorted(range(len(rows)), key=lambda index: abs(index - focal))
        return cls(rows, focal, outwards, [(1 << len(row.seat_ids)) - 1 & ~_those_of(row, taken) for row in rows])

    def best(self, quantity: int, seat_type: str | None = None, most: int = 1) -> list[Block]:
        """The best blocks, up to `most`, best first; none when no row has so many adjacent seats left.

        They may overlap, and all are as good as the best in what they leave behind.
        """
        for kind in KINDS.get(seat_type, (seat_type,)):
            if not isinstance(kind, Mix) or any(kind in row.of_kind for row in self.rows):
                blocks = self._best_of_kind(quantity, kind, most)
                if blocks:
                    return blocks
        return []

    def _best_of_kind(self, quantity: int, kind: Kind, most: int) -> list[Block]:
        ranking = self.rankings.setdefault((quantity, kind), _Ranking(quantity, kind))
        best = self._best_rows(ranking, most)
        in_order = [self._in_order(rank, quantity) for rank in best if rank[:2] == best[0][:2]]
        return [
            Block(-behind, first, tuple(self.rows[-behind].seat_ids[first : first + quantity]))
            for _, behind, first in islice(merge(*in_order), most)
        ]

    def take(self, block: Block) -> None:
        """These seats are free no more."""
        self.remove(block.row, (1 << len(block.seat_ids)) - 1 << block.first)

    def without(self, seat_ids: Set[int]) -> "FreeSeats":
        """The same but for some seats."""
        rankings = {key: ranking.copy() for key, ranking in self.rankings.items()}
        other = replace(self, free=self.free.copy(), rankings=rankings)
        for index, row in enumerate(self.rows):
            seats = _those_of(row, seat_ids)
            if seats:
                other.remove(index, seats)
        return other

    def remove(self, index: int, seats: int) -> None:
        """These seats of a row, as a mask, are free no more."""
        self.free[index] &= ~seats
        for ranking in self.rankings.values():
            if index in ranking.ranks:
                ranking.ranks[index] = self._rank(index, ranking)

    def _best_rows(self, ranking: _Ranking, most: int) -> list[_Rank]:
        """The best block of each of the `most` rows that have the best."""
        best = nsmallest(most, filter(None, ranking.ranks.values()))
        for index in islice(self.outwards, len(ranking.ranks), None):
            if len(best) == most and best[-1] < (0, False, self._away(index)):
                break  # no row that is further away has a better one
            rank = ranking.ranks[index] = self._rank(index, ranking)
            if rank is not None:
                insort(best, rank)
                del best[most:]
        return best

    def _rank(self, index: int, ranking: _Ranking) -> _Rank | None:
        found = _best_to_leave(self.rows[index], self.free[index], ranking.quantity, ranking.kind)
        if found is None:
            return None
        orphans, is_split, blocks = found
        score, first = next(_outwards(self.rows[index].positions, ranking.quantity, blocks))
        return _Rank(orphans, is_split, score + self._away(index), -index, first, blocks)

    def _in_order(self, rank: _Rank, quantity: int) -> Iterator[tuple[int, int, int]]:
        """The blocks of a row that are as good as its best in what they leave behind."""
        index = -rank.behind
        for score, first in _outwards(self.rows[index].positions, quantity, rank.blocks):
            yield score + self._away(index), rank.behind, first

    def _away(self, index: int) -> int:
        return HALF_SEATS_A_ROW * abs(index - self.focal)


def focal_index(labels: Sequence[str], focal_row: str | None) -> int:
    """The place among the labels, which are in order, of the row that has the best view.

    None is the row two thirds back. For a label that is not there it is the nearest one, of two the one further back.
    """
    if focal_row is None:
        return max(0, -(-2 * len(labels) // 3) - 1)
    wanted = row_number(focal_row)
    return min(range(len(labels)), key=lambda index: (abs(row_number(labels[index]) - wanted), -index), default=0)


def _those_of(row: SeatRow, seat_ids: Set[int]) -> int:
    if seat_ids.isdisjoint(row.seat_ids):
        return 0
    return bit_mask([seat_id in seat_ids for seat_id in row.seat_ids])


def _best_to_leave(row: SeatRow, free: int, quantity: int, kind: Kind) -> tuple[int, bool, int] | None:
    """The orphans that the best blocks of a row leave, whether they cost a group, and which they are."""
    suitable = row.of_kind.get(kind, 0) & free
    if suitable.bit_count() < quantity:
        return None
    blocks = _blocks(row, suitable, quantity)
    needs_wheelchair = isinstance(kind, Mix) and kind in NEEDS_WHEELCHAIR
    if needs_wheelchair:
        some, several = _containing(row.of_kind[WHEELCHAIR], quantity)
        blocks &= some if kind is Mix.WHEELCHAIRS else some & ~several
    left, right = row.beside(free)
    # The seat next to an edge of the block is free, and the one behind it is not.
    left, right = left & ~(left << 1), (right & ~(right >> 1)) >> (quantity - 1)
    for orphans, those in enumerate((blocks & ~(left | right), blocks & (left ^ right), blocks & left & right)):
        if those:
            whole = those if needs_wheelchair else those & _whole(row, suitable, quantity)
            return orphans, not whole, whole or those
    return None


def _blocks(row: SeatRow, suitable: int, quantity: int) -> int:
    if quantity == 1:
        return suitable
    pairs = suitable & row.beside(suitable)[1]
    blocks = pairs
    for more in range(1, quantity - 1):
        blocks &= pairs >> more
    return blocks


def _containing(seats: int, quantity: int) -> tuple[int, int]:
    """The blocks that have one of these seats or more, and those that have two or more."""
    some = several = 0
    for place in range(quantity):
        several |= some & (seats >> place)
        some |= seats >> place
    return some, several


def _whole(row: SeatRow, suitable: int, quantity: int) -> int:
    """The blocks beside which as many others fit as if groups filled their run of seats from the left."""
    if quantity == 1:
        return suitable
    left, right = row.beside(suitable)
    starts, ends, whole = suitable & ~left, suitable & ~right, 0
    while starts:
        start, last = _lowest(starts), _lowest(ends)
        whole |= _whole_of_a_run(last - start + 1, quantity) << start
        starts &= starts - 1
        ends &= ends - 1
    return whole


@lru_cache(maxsize=10_000)
def _whole_of_a_run(length: int, quantity: int) -> int:
    return bit_mask([first % quantity <= length % quantity for first in range(length - quantity + 1)])


def _outwards(positions: Sequence[int], quantity: int, blocks: int) -> Iterator[tuple[int, int]]:
    """Blocks from the middle of the row on: twice the seats between the middles, and the first seat."""
    middle = positions[0] + positions[-1]
    half = bisect_left(
        range(len(positions) - quantity + 1), middle, key=partial(_twice_the_middle, positions, quantity)
    )
    below, above = blocks & (1 << half) - 1, blocks >> half << half
    while below or above:
        low, high = below.bit_length() - 1, _lowest(above)
        from_low = middle - _twice_the_middle(positions, quantity, low) if below else None
        from_high = _twice_the_middle(positions, quantity, high) - middle if above else None
        if from_high is None or (from_low is not None and from_low <= from_high):
            yield from_low or 0, low
            below ^= 1 << low
        else:
            yield from_high, high
            above ^= 1 << high


def _twice_the_middle(positions: Sequence[int], quantity: int, first: int) -> int:
    return positions[first] + positions[first + quantity - 1]


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1
