"""Seats as people type and read them: F7-9, G1."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

QUANTITY = re.compile(r"\d{1,3}")
DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
PART = re.compile(r"(?P<row>[A-Z]{1,3})?(?P<first>\d{1,4})(?:-(?P<last_row>[A-Z]{1,3})?(?P<last>\d{1,4}))?")
SEPARATORS = re.compile(r"[,;/\s]+")
AROUND_DASH = re.compile(r"\s*-\s*")
MOST_TYPED_CHARS = 200


class UnknownSeat(Exception):
    """A part of the text that names no seat of the showtime."""


@dataclass(frozen=True, slots=True)
class FreeRow:
    """The free seats of a row, such as 1-4, 7, and the lowest and highest of their prices."""

    label: str
    numbers: str
    count: int
    price_from: Decimal
    price_to: Decimal


def quantity_of(text: str) -> int | None:
    """How many of the best seats a text asks for; None if it names seats."""
    return int(text) if QUANTITY.fullmatch(text) else None


def seats_of(text: str, seats: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The seats of a showtime that a text names: `F7-9, G1`, `f7 f8`, `F7,8`; each once, in the order of the text.

    Raises UnknownSeat with the part that it cannot read, or that names a seat which the showtime does not have.
    """
    by_place = {(seat["row_label"], seat["seat_number"]): seat for seat in seats}
    found: dict[int, Mapping[str, Any]] = {}
    row = ""
    cleaned = AROUND_DASH.sub("-", text[:MOST_TYPED_CHARS].upper().translate(DASHES)).strip(" ,;")
    for part in filter(None, SEPARATORS.split(cleaned)):
        match = PART.fullmatch(part)
        row = (match["row"] or row) if match else row
        if match is None or not row or (match["last_row"] or row) != row:
            raise UnknownSeat(part)
        first, last = int(match["first"]), int(match["last"] or match["first"])
        for number in range(min(first, last), max(first, last) + 1):
            seat = by_place.get((row, number))
            if seat is None:
                raise UnknownSeat(f"{row}{number}")
            found[seat["id"]] = seat
    return [*found.values()]


def names_of(seats: Iterable[Mapping[str, Any]]) -> str:
    """The names of seats, as short as they can be typed again: F7-9, G1."""
    ordered = sorted(seats, key=lambda seat: (len(seat["row_label"]), seat["row_label"], seat["seat_number"]))
    rows = groupby(ordered, key=itemgetter("row_label"))
    return ", ".join(_runs([seat["seat_number"] for seat in each], label) for label, each in rows)


def names_of_ids(seats: Iterable[Mapping[str, Any]], seat_ids: Collection[int]) -> str:
    """The names of the seats with these ids."""
    return names_of([seat for seat in seats if seat["id"] in seat_ids])


def free_rows(seats: Iterable[Mapping[str, Any]]) -> list[FreeRow]:
    """The rows that have free seats, in the order of the map."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for seat in seats:
        if seat["status"] == "available":
            rows.setdefault(seat["row_label"], []).append(seat)
    return [_free_row(label, free) for label, free in rows.items()]


def _free_row(label: str, free: Sequence[Mapping[str, Any]]) -> FreeRow:
    prices = [Decimal(seat["price"]) for seat in free]
    return FreeRow(label, _runs([seat["seat_number"] for seat in free]), len(free), min(prices), max(prices))


def _runs(numbers: Sequence[int], label: str = "") -> str:
    """Ascending numbers, with those that follow each other as one run: 1-4, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{label}{run[0]}" if len(run) == 1 else f"{label}{run[0]}-{run[-1]}" for run in runs)
