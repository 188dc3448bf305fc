"""Where the seats of a room are drawn."""

from typing import Any

from reservation.web.seat_map.geometry import rows_of_room


def seat(label: str, number: int, x: int | None = None, y: int | None = None) -> dict[str, Any]:
    return {"row_label": label, "seat_number": number, "x": x, "y": y}


def drawn(seats: list[dict[str, Any]]) -> list[str]:
    """Each row with its labels, a letter for each seat, and a dot for each cell without one."""
    rows = []
    for row in rows_of_room(seats):
        cells = "".join("." if index is None else chr(ord("a") + index) for index in row.cells)
        rows.append("|" * row.walks_before + f"{row.left_label} {cells} {row.right_label}")
    return rows


def test_seats_with_positions_are_drawn_there() -> None:
    seats = [seat("A", 1, 2, 1), seat("A", 2, 4, 1), seat("B", 1, 1, 2), seat("B", 2, 2, 2)]
    assert drawn(seats) == ["A .a.b A", "B cd.. B"]


def test_wide_aisles_and_walks_are_narrowed() -> None:
    seats = [seat("A", 1, -100_000, -7), seat("A", 2, 100_000, -7), seat("B", 1, 100_001, 50_000)]
    assert drawn(seats) == ["A a...b. A", "|B .....c B"]


def test_a_line_with_two_rows_has_the_label_of_each_at_its_side() -> None:
    assert drawn([seat("A", 1, 1, 1), seat("K", 1, 3, 1)]) == ["A a.b K"]


def test_a_room_with_seats_without_position_is_drawn_by_row_and_number() -> None:
    seats = [seat("A", 1, 9, 9), seat("A", 3), seat("B", 1, 1, 1), seat("B", 2)]
    assert drawn(seats) == ["A a.b A", "B cd. B"]


def test_a_room_without_seats_has_no_rows() -> None:
    assert drawn([]) == []
