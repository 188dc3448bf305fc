"""Seat plans as text: read and written without a loss, errors by line and column."""

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from reservation.web.seat_plan.planned_seats import Kind, PlannedSeat
from reservation.web.seat_plan.text_reader import read_plan
from reservation.web.seat_plan.text_writer import write_plan

PATIENTLY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TYPES = st.sampled_from(["regular", "premium", "wheelchair", "companion", "vip", "love-seat", "1st"])
MODIFIERS = st.one_of(
    st.sampled_from(["1.00", "1.50"]), st.decimals(0, 99, places=2).map(lambda amount: f"{amount:.2f}")
)
KINDS = st.builds(Kind, TYPES, MODIFIERS)
LABELS = st.one_of(st.sampled_from("ABC"), st.text("ABYZ", min_size=1, max_size=3))
PLACES = st.one_of(
    st.none(),
    st.tuples(st.integers(-3, 60), st.integers(-3, 12)),
    st.tuples(st.integers(-100_000, 100_000), st.integers(-100_000, 100_000)),
)
SEATS = st.tuples(LABELS, st.one_of(st.integers(1, 12), st.integers(1, 1000)), KINDS, PLACES)


@st.composite
def plans(draw: st.DrawFn) -> list[PlannedSeat]:
    """Any plan that the API takes: every label once, every place once."""
    labels, places, seats = set(), set(), []
    for label, number, kind, place in draw(st.lists(SEATS, max_size=40)):
        if (label, number) not in labels and (place is None or place not in places):
            labels.add((label, number))
            places.add(place)
            x, y = place or (None, None)
            seats.append(PlannedSeat(label, number, kind, x, y))
    return seats


@PATIENTLY
@given(plans())
def test_a_plan_that_is_written_and_read_again_is_the_same(seats: list[PlannedSeat]) -> None:
    read = read_plan(write_plan(seats))
    assert read.errors == []
    assert sorted(read.seats, key=lambda seat: seat.label) == sorted(seats, key=lambda seat: seat.label)


@PATIENTLY
@given(plans())
def test_the_text_of_a_plan_that_is_read_and_written_again_is_the_same(seats: list[PlannedSeat]) -> None:
    text = write_plan(seats)
    assert write_plan(read_plan(text).seats) == text
    assert write_plan(read_plan(text.replace("\n", "\r\n")).seats) == text


@PATIENTLY
@given(st.text("AP_.=:@,-# 129x\n\r\t\0é", max_size=80))
def test_any_text_is_read_without_a_defect(text: str) -> None:
    read = read_plan(text)
    lines = text.replace("\r\n", "\n").split("\n")
    for error in read.errors:
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        error.message.format(**error.values)
    if not read.errors:
        assert set(read_plan(write_plan(read.seats)).seats) == set(read.seats)


def _named(text: str) -> dict[str, tuple[str, int | None, int | None]]:
    plan = read_plan(text)
    assert plan.errors == []
    return {seat.name: (seat.kind.seat_type, seat.x, seat.y) for seat in plan.seats}


def test_a_pasted_plan_without_labels_and_legend_gets_rows_from_a() -> None:
    assert _named("WC_A\n\nP P") == {
        "A1": ("wheelchair", 1, 1),
        "A2": ("companion", 2, 1),
        "A3": ("regular", 4, 1),
        "B1": ("premium", 1, 3),
        "B2": ("premium", 3, 3),
    }


def test_numbers_places_and_parts_of_rows_are_read() -> None:
    text = "V = vip 2\nC 3-1: VVV  # the best\nC @10,1: A\nD 1,3 @-2: AA\nE @none: AA"
    assert _named(text) == {
        "C3": ("vip", 1, 1),
        "C2": ("vip", 2, 1),
        "C1": ("vip", 3, 1),
        "C4": ("regular", 10, 1),
        "D1": ("regular", -2, 2),
        "D3": ("regular", -1, 2),
        "E1": ("regular", None, None),
        "E2": ("regular", None, None),
    }


def test_a_plan_is_written_as_somebody_would_type_it() -> None:
    text = "A = regular 1.00\nP = premium 1.50\nW = wheelchair 1.00\n\nA    : WW_AAA\nB    : AA_AAA\n\nC 5-1: PP_PPP\n"
    assert write_plan(read_plan(text).seats) == text


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("A: AAX", 1, 6, "“X” is not in the legend: add a line such as X = premium 1.50."),
        ("A: AA\n\nA 2: A", 3, 6, "Seat A2 is in the plan already."),
        ("A: AA\nB @2,1: A", 2, 9, "Another seat has this place already."),
        ("A 1-3: AA", 1, 3, "3 numbers are given for 2 seats."),
        ("A 1--3: AA", 1, 3, "Numbers are such as 1-8, 8-1 or 1,3,5."),
        ("A 1001: A", 1, 9, "Seat numbers are from 1 to 1000."),
        ("ABCD: A", 1, 1, "A row label has one to three capital letters, such as A or AB."),
        ("A @x: A", 1, 3, "A place is @ and a number, such as @4, or two, such as @4,9, or @none."),
        ("A @none: A_A", 1, 10, "Seats without positions have no gaps between them."),
        ("A @200000: A", 1, 12, "Places are from -100000 to 100000."),
        ("XY = vip\nA: A", 1, 1, "A legend has one letter before the =."),
        ("V = VIP\nA: A", 1, 5, "A seat type has lower-case letters, digits and single hyphens, such as love-seat."),
        ("V = vip 100\nA: A", 1, 9, "The price is a factor from 0 to 99.99, such as 1.50."),
        ("V = vip\nV = box\nA: A", 2, 1, "“V” is in the legend already."),
        ("ZZZ: A\nA", 2, 1, "No row label comes after ZZZ."),
    ],
)
def test_an_error_has_its_line_and_column(text: str, line: int, column: int, message: str) -> None:
    [error] = read_plan(text).errors
    assert (error.line, error.column, error.message.format(**error.values)) == (line, column, message)


@pytest.mark.parametrize(
    "text",
    [
        "A: AXXX\nB: XXAA",  # a letter that is not in the legend
        "V = VIP 2.00\nA: AVVV\nB: VVAA",  # a legend that is wrong
        "A: AAA\nA 1-3: AAA",  # seats that are in the plan already
    ],
)
def test_one_mistake_is_one_error(text: str) -> None:
    assert len(read_plan(text).errors) == 1


@pytest.mark.parametrize("text", ["A" * 900_000, "A\na = b 1 y" + " " * 900_000 + "x"], ids=["seats", "spaces"])
def test_a_line_of_a_megabyte_is_read_in_time_that_grows_with_its_length_alone(text: str) -> None:
    assert read_plan(text).errors
