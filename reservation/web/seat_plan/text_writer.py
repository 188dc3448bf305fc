"""Writes a seat plan as the text that text_reader reads: nothing of it is lost."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, pairwise
from string import ascii_letters

from ...seatmap.seat_rows import row_number
from .planned_seats import BUILT_IN, Kind, PlannedSeat

WIDEST_GAP = 20  # places; behind a wider one a line begins with its place
MOST_EMPTY_LINES = 5
GAP = "_"
LONGEST_ALIGNED = 8
IDEOGRAPHS = (0x4E00, 0x9FA6)  # letters for more kinds of seats than the alphabet has


def write_plan(seats: Sequence[PlannedSeat]) -> str:
    """The text of a plan; the order of the seats does not matter."""
    letters = letters_of(seats)
    legend = [f"{letter} = {kind.seat_type} {kind.price_modifier}" for kind, letter in letters.items()]
    rows = list(_Writer(letters).rows(seats))
    width = max((len(head) for head, _ in rows if len(head) <= LONGEST_ALIGNED), default=0)
    lines = [f"{head:<{width}}: {cells}" if head else "" for head, cells in rows]
    return "\n".join([*legend, "", *lines, ""]) if rows else ""


def letters_of(seats: Iterable[PlannedSeat]) -> dict[Kind, str]:
    """A letter for each kind: the known ones have theirs, others the first of their name where it is free."""
    counted = Counter(seat.kind for seat in seats)
    known = {name: letter for letter, name in BUILT_IN.items()}
    letters: dict[str, Kind] = {}
    ideographs = map(chr, range(*IDEOGRAPHS))
    for kind in sorted(counted, key=lambda each: (each.seat_type not in known, -counted[each], str(each))):
        own = known.get(kind.seat_type)
        wished = [letter for letter in (*_letters_of_name(kind.seat_type), *ascii_letters) if letter not in BUILT_IN]
        free = (letter for letter in (own, *wished) if letter and letter not in letters)
        letters[next(chain(free, ideographs))] = kind
    return {letters[letter]: letter for letter in sorted(letters, key=lambda each: (each.lower(), each))}


def _letters_of_name(seat_type: str) -> Iterator[str]:
    first = seat_type[0]
    if first.isalpha():
        yield from (first.upper(), first)


class _Writer:
    """Knows what the reader would take for granted in each line, so that only the rest is written."""

    def __init__(self, letters: dict[Kind, str]) -> None:
        self.letters = letters
        self.y = 1
        self.has_rows = False
        self.highest: dict[str, int] = {}  # the number, by row label

    def rows(self, seats: Sequence[PlannedSeat]) -> Iterator[tuple[str, str]]:
        """Head and cells of each line; both empty for an empty line."""
        placed = sorted((seat for seat in seats if seat.x is not None), key=_by_place)
        for (y, _row), line in groupby(placed, key=lambda seat: (seat.y or 0, seat.row_label)):
            for part in _parts(list(line)):
                yield from self._placed(y, part)
        others = sorted((seat for seat in seats if seat.x is None), key=_by_label)
        for label, line in groupby(others, key=lambda seat: seat.row_label):
            row = list(line)
            yield self._head(label, row, "@none"), "".join(self.letters[seat.kind] for seat in row)

    def _placed(self, y: int, seats: Sequence[PlannedSeat]) -> Iterator[tuple[str, str]]:
        first, empty = seats[0].x or 0, y - self.y
        if self.has_rows and 0 < empty <= MOST_EMPTY_LINES:
            yield from [("", "")] * empty
            empty = 0
        is_near = 1 <= first <= WIDEST_GAP
        place = f"@{first},{y}" if empty else "" if is_near else f"@{first}"
        begin = 1 if not place else first
        cells = [GAP] * ((seats[-1].x or 0) - begin + 1)
        for seat in seats:
            cells[(seat.x or 0) - begin] = self.letters[seat.kind]
        yield self._head(seats[0].row_label, seats, place), "".join(cells)
        self.y, self.has_rows = y + 1, True

    def _head(self, label: str, seats: Sequence[PlannedSeat], place: str) -> str:
        numbers, first = [seat.seat_number for seat in seats], self.highest.get(label, 0) + 1
        self.highest[label] = max(first - 1, *numbers)
        is_known = numbers == list(range(first, first + len(numbers)))
        return " ".join(filter(None, (label, "" if is_known else ",".join(_ranges(numbers)), place)))


def _by_place(seat: PlannedSeat) -> tuple[int, ...]:
    return seat.y or 0, row_number(seat.row_label), seat.x or 0


def _by_label(seat: PlannedSeat) -> tuple[int, ...]:
    return row_number(seat.row_label), seat.seat_number


def _parts(row: list[PlannedSeat]) -> Iterator[list[PlannedSeat]]:
    """A row in pieces between which the gaps are too wide to be written."""
    begin = 0
    for index, (left, right) in enumerate(pairwise(row), start=1):
        if (right.x or 0) - (left.x or 0) > WIDEST_GAP:
            yield row[begin:index]
            begin = index
    yield row[begin:]


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """Runs of numbers that rise or fall by one: 1-4, 9-6, 12."""
    begin = 0
    while begin < len(numbers):
        end = begin
        for step in (1, -1):
            last = begin
            while last + 1 < len(numbers) and numbers[last + 1] == numbers[last] + step:
                last += 1
            end = max(end, last)
        yield str(numbers[begin]) if end == begin else f"{numbers[begin]}-{numbers[end]}"
        begin = end + 1
