"""The choice of the best seats, against one that tries everything."""

from collections.abc import Sequence, Set
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from reservation.booking.best_seats import FreeSeats, focal_index
from reservation.seatmap.seat_rows import PlacedSeat, SeatRow, rows_of

TYPES = ("regular", "premium", "wheelchair", "companion", "vip")
ORDINARY = {"regular", "premium", "vip"}
ALL = {*TYPES}
# What a request may get, in this order: seats of these types, and how many of them are wheelchair places.
STEPS: dict[str | None, list[tuple[set[str], range]]] = {
    None: [(ORDINARY, range(99)), (ORDINARY | {"companion"}, range(99)), (ALL, range(99))],
    "wheelchair": [({"wheelchair", "companion"}, range(1, 2)), (ALL, range(1, 2)), (ALL, range(1, 99))],
}
LABELS = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J")

Spot = tuple[int, int]


def room(*rows: str) -> tuple[SeatRow, ...]:
    """Rows as pictures: r, p, w, c and v are seats, a blank is a number that is left out, and a line an aisle.

    Ids count from 1 through the room.
    """
    made: list[SeatRow] = []
    ids = count(1)
    for label, picture in zip(LABELS, rows, strict=False):
        seats = [(place, letter) for place, letter in enumerate(picture, 1) if letter not in " |"]
        made += rows_of(
            label,
            [
                PlacedSeat(
                    next(ids),
                    place - picture[:place].count("|"),
                    next(name for name in TYPES if name[0] == letter),
                    place if "|" in picture else None,
                    1 if "|" in picture else None,
                )
                for place, letter in seats
            ],
        )
    return tuple(made)


def best_blocks(
    rows: Sequence[SeatRow],
    focal_row: str | None,
    taken: Set[int],
    *,
    quantity: int,
    seat_type: str | None = None,
    most: int = 1,
) -> list[tuple[int, ...]]:
    """The seats of the best blocks."""
    return [block.seat_ids for block in FreeSeats.of(rows, focal_row, taken).best(quantity, seat_type, most)]


def spots(rows: Sequence[SeatRow]) -> dict[int, Spot]:
    return {
        seat_id: (index, position)
        for index, row in enumerate(rows)
        for seat_id, position in zip(row.seat_ids, row.positions, strict=True)
    }


def types(rows: Sequence[SeatRow]) -> dict[int, str]:
    return {seat_id: kind for row in rows for seat_id, kind in zip(row.seat_ids, row.types, strict=True)}


def chosen(
    rows: Sequence[SeatRow], taken: Set[int], quantity: int, focal_row: str | None = None, **rest: str
) -> list[str]:
    """The best block as labels: C5."""
    labels = {
        seat_id: f"{row.label}{number}"
        for row in rows
        for seat_id, number in zip(row.seat_ids, row.numbers, strict=True)
    }
    found = best_blocks(rows, focal_row, taken, quantity=quantity, seat_type=rest.get("seat_type"))
    assert len(found) <= 1
    return [labels[seat_id] for block in found for seat_id in block]


def lone(free: Set[Spot]) -> set[Spot]:
    """The free seats that have no free seat beside them."""
    return {(row, number) for row, number in free if not free & {(row, number - 1), (row, number + 1)}}


def groups(free: Set[Spot], quantity: int) -> int:
    """How many blocks of this size fit into these seats, row by row from the left."""
    count, seen = 0, set[Spot]()
    for row, number in sorted(free):
        block = {(row, number + step) for step in range(quantity)}
        if block <= free and not block & seen:
            count += 1
            seen |= block
    return count


def every_block(
    rows: Sequence[SeatRow], taken: Set[int], quantity: int, seat_type: str | None
) -> dict[tuple[int, ...], tuple[int, bool]]:
    """Each block that could be had, with the orphans that it leaves and whether it costs a group.

    They are of the first step of which there are any; blocks for a wheelchair are taken to cost no group.
    """
    for wanted, wheelchairs in STEPS.get(seat_type, [({seat_type or ""}, range(99))]):
        found = _blocks_of(rows, taken, quantity, wanted)
        kinds = types(rows)
        found = {
            block: (orphans, split and seat_type != "wheelchair")
            for block, (orphans, split) in found.items()
            if sum(kinds[seat_id] == "wheelchair" for seat_id in block) in wheelchairs
        }
        if found:
            return found
    return {}


def _blocks_of(
    rows: Sequence[SeatRow], taken: Set[int], quantity: int, wanted: Set[str]
) -> dict[tuple[int, ...], tuple[int, bool]]:
    """Those of these types."""
    where, kinds = spots(rows), types(rows)
    at = {spot: seat_id for seat_id, spot in where.items()}
    free = {spot for seat_id, spot in where.items() if seat_id not in taken}
    suitable = {spot for spot in free if kinds[at[spot]] in wanted}
    found = {}
    for row, number in suitable:
        block = {(row, number + step) for step in range(quantity)}
        if block <= suitable:
            orphans = len(lone(free - block) - lone(free))
            split = groups(suitable - block, quantity) + 1 < groups(suitable, quantity)
            found[tuple(at[spot] for spot in sorted(block))] = (orphans, split)
    return found


def score(rows: Sequence[SeatRow], focal: int, block: Sequence[int]) -> float:
    """As the module's docstring has it."""
    where = spots(rows)
    row = where[block[0]][0]
    positions = rows[row].positions
    middle = sum(where[seat_id][1] for seat_id in block) / len(block)
    return 2 * abs(row - focal) + abs(middle - (positions[0] + positions[-1]) / 2)


rooms = st.lists(
    st.text("rrrppwwcv |", min_size=1, max_size=13).filter(lambda row: bool(row.strip(" |"))), min_size=1, max_size=5
).map(lambda rows: room(*rows))
plain_rooms = st.lists(st.integers(1, 22).map("r".__mul__), min_size=1, max_size=5).map(lambda rows: room(*rows))


@settings(max_examples=500, deadline=None)
@given(
    rows=rooms | plain_rooms,
    quantity=st.integers(1, 6),
    seat_type=st.sampled_from((None, *TYPES)),
    focal_row=st.none() | st.sampled_from(LABELS),
    most=st.sampled_from((1, 4, 100)),
    data=st.data(),
)
def test_the_best_block_is_the_one_a_full_search_finds(
    rows: tuple[SeatRow, ...],
    quantity: int,
    seat_type: str | None,
    focal_row: str | None,
    most: int,
    data: st.DataObject,
) -> None:
    taken = data.draw(st.sets(st.sampled_from([seat_id for row in rows for seat_id in row.seat_ids])))
    possible = every_block(rows, taken, quantity, seat_type)

    found = best_blocks(rows, focal_row, taken, quantity=quantity, seat_type=seat_type, most=most)

    if not possible:
        assert found == []
        return
    least = min(possible.values())
    focal = focal_index([row.label for row in rows], focal_row)
    scores = sorted(score(rows, focal, block) for block, leaves in possible.items() if leaves == least)
    assert all(possible[block] == least for block in found)  # a KeyError: taken, torn, or of another type
    assert [score(rows, focal, block) for block in found] == scores[:most]
    assert len(set(found)) == len(found)


@settings(max_examples=500, deadline=None)
@given(
    rows=rooms | plain_rooms,
    wishes=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from((None, *TYPES)), st.sampled_from((1, 3, 64))), max_size=12
    ),
    focal_row=st.none() | st.sampled_from(LABELS),
    data=st.data(),
)
def test_choices_one_after_another_are_those_of_a_fresh_search(
    rows: tuple[SeatRow, ...], wishes: list[tuple[int, str | None, int]], focal_row: str | None, data: st.DataObject
) -> None:
    """The ranks that are kept from earlier choices change no choice."""
    every = [seat_id for row in rows for seat_id in row.seat_ids]
    seats = st.sets(st.sampled_from(every))
    taken = data.draw(seats)
    free = FreeSeats.of(rows, focal_row, taken)
    for quantity, seat_type, most in wishes:
        lost = data.draw(seats)
        for given_up, choice in ((lost, free.without(lost)), (set[int](), free)):
            fresh = FreeSeats.of(rows, focal_row, taken | given_up)
            assert choice.best(quantity, seat_type, most) == fresh.best(quantity, seat_type, most)
        found = free.best(quantity, seat_type, most)
        if found:
            block = data.draw(st.sampled_from(found))
            free.take(block)
            taken |= set(block.seat_ids)


@settings(max_examples=200, deadline=None)
@given(length=st.integers(1, 30), quantity=st.integers(1, 8), chance=st.randoms(use_true_random=False))
def test_groups_of_one_size_fill_a_row_without_gaps(length: int, quantity: int, chance: Random) -> None:
    rows, taken, sold = room("r" * length), set[int](), 0
    while found := best_blocks(rows, None, taken, quantity=quantity, most=chance.choice((1, 3, 50))):
        taken.update(chance.choice(found))
        sold += 1
    assert sold == length // quantity


@settings(max_examples=200, deadline=None)
@given(many=st.integers(1, 6), quantity=st.integers(1, 6), data=st.data())
def test_blocks_of_a_row_that_groups_fill_are_equal_or_disjoint(many: int, quantity: int, data: st.DataObject) -> None:
    """So two workers with different data cannot take the place of a third group."""
    rows = room("r" * (many * quantity))
    grid = [tuple(rows[0].seat_ids[start : start + quantity]) for start in range(0, many * quantity, quantity)]
    taken = {seat_id for block in data.draw(st.sets(st.sampled_from(grid))) for seat_id in block}

    found = best_blocks(rows, None, taken, quantity=quantity, most=100)

    assert set(found) <= {block for block in grid if not taken & set(block)}
    assert bool(found) is (len(taken) < len(rows[0].seat_ids))


HALL = room(*["r" * 20] * 10)


def test_the_first_blocks_of_an_empty_room_are_in_the_middle_of_its_focal_row() -> None:
    assert chosen(HALL, set(), 4) == ["G9", "G10", "G11", "G12"]
    assert chosen(HALL, set(), 4, "C") == ["C9", "C10", "C11", "C12"]
    assert chosen(HALL, set(), 1) == ["G10"]


def test_one_row_of_distance_counts_as_two_seats() -> None:
    rows = room("r" * 9, "r" * 9, "r" * 9)
    by_label = {f"{rows[row].label}{number}": seat_id for seat_id, (row, number) in spots(rows).items()}
    assert chosen(rows, {by_label["B5"]}, 1, "B") == ["B4"]
    assert chosen(rows, {by_label[each] for each in ("B4", "B5", "B6")}, 1, "B") == ["C5"]
    assert chosen(rows, {by_label[each] for each in ("B3", "B4", "B5", "B6", "B7", "C5")}, 1, "B") == ["A5"]


def test_a_block_that_leaves_no_single_seat_is_preferred() -> None:
    assert chosen(room("rrrrr"), set(), 2) == ["A1", "A2"]
    assert chosen(room("rrr"), set(), 2) == ["A1", "A2"]  # it cannot be avoided, but the next one can
    assert chosen(room("rrrr", "rrr"), set(), 2, "B") == ["A1", "A2"]
    assert chosen(room("rrrr", "rrr"), {2}, 2, "B") == ["A3", "A4"]
    assert chosen(room("rrrrr", "r"), set(), 1, "A") == ["A3"]  # in the middle, with pairs on both sides
    assert chosen(room("rr", "r"), set(), 1, "A") == ["B1"]


def test_seats_on_both_sides_of_a_missing_number_are_not_adjacent() -> None:
    assert chosen(room("rr rr"), set(), 2) == ["A1", "A2"]
    assert chosen(room("rr rr"), set(), 3) == []
    assert chosen(room("rrr rr"), set(), 2) == ["A5", "A6"]


def test_blocks_have_seats_of_the_wanted_type_only() -> None:
    rows = room("wwrrrrww", "pppppppp")
    assert chosen(rows, set(), 2) == ["B3", "B4"]
    assert chosen(rows, set(), 2, seat_type="regular") == ["A3", "A4"]
    assert chosen(rows, set(), 1, seat_type="wheelchair") == ["A1"]
    assert chosen(rows, set(), 9, seat_type="regular") == []
    assert chosen(room("vvvv"), set(), 2) == chosen(room("vvvv"), set(), 2, seat_type="vip") == ["A1", "A2"]
    assert chosen(room("vvvv"), set(), 1, seat_type="sofa") == []
    assert chosen(room("rrpp"), set(), 4) == ["A1", "A2", "A3", "A4"]


def test_no_block_goes_across_an_aisle() -> None:
    assert chosen(room("rr|rrr|rr"), set(), 3) == ["A3", "A4", "A5"]
    assert chosen(room("rr|rrr|rr"), set(), 4) == []
    assert chosen(room("rr|rrr|rr"), {3, 4, 5}, 2) == ["A1", "A2"]
    assert chosen(room("rr|r"), set(), 1) == ["A3"]  # it has no neighbour, so no seat is left alone


def test_wheelchair_places_come_last_for_others() -> None:
    rows = room("wcrr", "wcww")
    assert chosen(rows, set(), 2, "B") == ["A3", "A4"]
    assert chosen(rows, {4}, 1, "B") == ["A3"]
    assert chosen(rows, {3, 4}, 1, "B") == ["B2"]  # companion seats are given first
    assert chosen(rows, {2, 3, 4, 6}, 1, "B") == ["B1"]
    assert chosen(rows, {3, 4}, 3, "B") == ["B1", "B2", "B3"]
    assert chosen(room("wwww"), set(), 2) == ["A1", "A2"]


def test_a_wheelchair_place_comes_with_companion_seats() -> None:
    rows = room("rrwcrr", "rrcwcr", "wwrrrr")
    assert chosen(rows, set(), 1, "C", seat_type="wheelchair") in (["C1"], ["C2"])
    assert chosen(rows, set(), 2, "C", seat_type="wheelchair") == ["B3", "B4"]
    assert chosen(rows, set(), 3, "A", seat_type="wheelchair") == ["B3", "B4", "B5"]
    assert chosen(rows, set(), 4, "B", seat_type="wheelchair") == ["B1", "B2", "B3", "B4"]
    assert chosen(room("rrw|c"), set(), 2, seat_type="wheelchair") == ["A2", "A3"]  # not across the aisle
    assert chosen(room("ww|ww"), set(), 2, seat_type="wheelchair") == ["A1", "A2"]  # nothing else is beside them
    assert chosen(room("rrr"), set(), 2, seat_type="wheelchair") == []
    assert chosen(rows, set(), 1, "B", seat_type="companion") == ["B3"]


def seat(number: int, x: int | None, y: int | None = 1) -> PlacedSeat:
    return PlacedSeat(100 + number, number, "regular", x, None if x is None else y)


def test_rows_are_in_the_order_of_their_positions() -> None:
    [mirrored] = rows_of("A", [seat(1, 5), seat(2, 4), seat(3, 2)])
    assert (mirrored.numbers, mirrored.positions, mirrored.adjacent) == ((3, 2, 1), (2, 4, 5), 0b010)
    [odd_and_even] = rows_of("A", [seat(1, 2), seat(2, 3), seat(3, 1), seat(4, 4)])
    assert (odd_and_even.numbers, odd_and_even.adjacent) == ((3, 1, 2, 4), 0b0111)
    front, back = rows_of("A", [seat(1, 1, 7), seat(2, 2, 6), seat(3, 2, 7)])
    assert (front.numbers, back.numbers) == ((2,), (1, 3))


def test_a_row_in_which_seats_have_no_position_goes_by_number() -> None:
    [row] = rows_of("A", [seat(1, 1), seat(2, 2), seat(3, None), seat(4, 9), seat(5, 11), seat(6, None), seat(8, None)])
    assert row.numbers == (1, 2, 3, 4, 5, 6, 8)
    assert row.adjacent == 0b0010111  # an aisle between 4 and 5


def test_a_full_room_has_no_block() -> None:
    assert chosen((), set(), 1) == []
    assert chosen(room("rr"), {1, 2}, 1) == []
    assert chosen(room("rrrr"), {2}, 3) == []
    assert chosen(room("rr", "rr"), set(), 4) == []


@pytest.mark.parametrize(
    ("count", "focal_row", "label"),
    [
        (1, None, "A"),
        (2, None, "B"),
        (3, None, "B"),
        (6, None, "D"),
        (9, None, "F"),
        (10, None, "G"),
        (10, "D", "D"),
        (5, "Z", "E"),
        (5, "AAA", "E"),
    ],
)
def test_the_focal_row_is_the_given_one_or_two_thirds_back(count: int, focal_row: str | None, label: str) -> None:
    assert LABELS[focal_index(LABELS[:count], focal_row)] == label


def test_the_focal_row_of_a_room_with_missing_rows() -> None:
    assert focal_index(["A", "C"], "B") == 1
    assert focal_index(["A", "E", "F"], "B") == 0
    assert focal_index(["B", "Z", "AC"], "AA") == 1
    assert focal_index([], "A") == 0
    assert focal_index([], None) == 0
