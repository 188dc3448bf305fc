"""Where the seats of a room are drawn: rows from the screen to the back, each with the same number of cells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

WIDEST_AISLE, WIDEST_WALK = 3, 1  # cells and rows without a seat that are drawn between two seats, at most


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A row: for each cell from left to right the index of its seat in the layout, None where there is none."""

    cells: Sequence[int | None]
    left_label: str
    right_label: str
    walks_before: int  # rows without seats between it and the row before


def rows_of_room(seats: Sequence[Mapping[str, Any]]) -> list[RoomRow]:
    """The rows of a layout as the API has it: by the seats' positions, or by row and number if some have none."""
    if not seats:
        return []
    if all(seat["x"] is not None for seat in seats):
        lines, positions = [seat["y"] for seat in seats], [seat["x"] for seat in seats]
        line_at = _places(lines, WIDEST_WALK)
    else:
        labels = dict.fromkeys(seat["row_label"] for seat in seats)
        line_of = {label: line for line, label in enumerate(labels)}
        lines, positions = [line_of[seat["row_label"]] for seat in seats], [seat["seat_number"] for seat in seats]
        line_at = {line: line for line in lines}
    column_at = _places(positions, WIDEST_AISLE)
    columns = max(column_at.values()) + 1
    cells: dict[int, list[int | None]] = {line: [None] * columns for line in sorted(set(lines))}
    for index, (line, position) in enumerate(zip(lines, positions, strict=True)):
        cells[line][column_at[position]] = index
    rows, before = [], -1
    for line, row in cells.items():
        taken = [index for index in row if index is not None]
        left, right = seats[taken[0]]["row_label"], seats[taken[-1]]["row_label"]
        rows.append(RoomRow(row, left, right, line_at[line] - before - 1))
        before = line_at[line]
    return rows


def _places(positions: Iterable[int], widest_gap: int) -> dict[int, int]:
    """Where each position is drawn, from 0 on, with gaps that are no wider than this."""
    found = sorted(set(positions))
    places = {found[0]: 0}
    for before, position in pairwise(found):
        places[position] = places[before] + min(position - before, widest_gap + 1)
    return places
