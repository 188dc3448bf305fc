"""Reads a seat plan from text: a legend, and a line for each row, from the screen to the back.

    A = regular
    P = premium 1.50

    A: AAA_AAA        row A, seats 1 to 6, and an aisle
    B 6-1: PPP_PPP    numbered from the right

    AAA_AAA           row C, behind an empty line: a cross aisle
    D @4: AAA         begins at the fourth place; @4,9 would be in the ninth line
    E @none: AAA      seats without a position in the drawing

A line with the label of one before it goes on after its highest number. What follows # is not read.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal

from ..texts.marking import mark as _
from .planned_seats import BUILT_IN, GAPS, LAST_LABEL, Kind, PlanError, PlannedSeat, labels_after

MOST_SEATS = 10_000
MOST_ERRORS = 50
HIGHEST_NUMBER = 1000
FARTHEST = 100_000
LEGEND = re.compile(r"\s*(\S+)\s*=\s*(\S*)\s*(.*)")  # of a line without white space at its end
SLUG = re.compile(r"(?=.{1,40}$)[a-z0-9]+(-[a-z0-9]+)*")
MODIFIER = re.compile(r"[0-9]{1,2}(\.[0-9]{1,2})?")
LABEL = re.compile(r"[A-Z]{1,3}")
PLACE = re.compile(r"@(?:none|(-?[0-9]{1,6})(?:,(-?[0-9]{1,6}))?)")
NUMBERS = re.compile(r"[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*")


@dataclass(slots=True)
class ReadPlan:
    """The seats of a text, its legend, and its errors: the seats count only if there are none."""

    seats: list[PlannedSeat] = field(default_factory=list)
    legend: dict[str, Kind] = field(default_factory=lambda: {key: Kind(name) for key, name in BUILT_IN.items()})
    errors: list[PlanError] = field(default_factory=list)


def read_plan(text: str) -> ReadPlan:
    """The plan that a text describes."""
    return _Reader(text.replace("\r\n", "\n").split("\n")).read()


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.lines = [line.partition("#")[0].rstrip() for line in lines]
        self.plan = ReadPlan()
        self.line = 0  # the one that is read, from 1
        self.y = 1  # of the next row
        self.has_rows = False
        self.last_label: str | None = None
        self.highest: dict[str, int] = {}  # the number, by row label
        self.defined: set[str] = set()  # letters of the text's own legend
        self.unknown: set[str] = set()  # letters that an error was told of, each once
        self.refused: set[tuple[int, str]] = set()  # line and message: the seats after the first mostly have the same
        self.labels: set[tuple[str, int]] = set()
        self.places: set[tuple[int, int]] = set()

    def read(self) -> ReadPlan:
        for index, line in enumerate(self.lines):
            self.line = index + 1
            if "=" in line:
                self._legend(line)
        for index, line in enumerate(self.lines):
            self.line = index + 1
            if len(self.plan.errors) >= MOST_ERRORS:
                break
            if not line.strip(GAPS):
                self.y += self.has_rows
            elif "=" not in line:
                self._row(line)
        self.plan.errors.sort(key=lambda error: (error.line, error.column))
        return self.plan

    def _fail(self, column: int, message: str, **values: object) -> None:
        if len(self.plan.errors) < MOST_ERRORS:
            self.plan.errors.append(PlanError(self.line, column, message, values))

    def _legend(self, line: str) -> None:
        match = LEGEND.fullmatch(line)
        if match is None:
            return self._fail(1, _("A legend has one letter before the =."))
        key, seat_type, modifier = match.groups()
        if len(key) != 1 or not key.isalpha():
            return self._fail(match.start(1) + 1, _("A legend has one letter before the =."))
        self.unknown.add(key)  # until the line is read whole: its mistake is told, and not one for each of its seats
        if not SLUG.fullmatch(seat_type):
            message = _("A seat type has lower-case letters, digits and single hyphens, such as love-seat.")
            return self._fail(match.start(2) + 1, message)
        if modifier and not MODIFIER.fullmatch(modifier):
            return self._fail(match.start(3) + 1, _("The price is a factor from 0 to 99.99, such as 1.50."))
        if key in self.defined:
            return self._fail(match.start(1) + 1, _("“{letter}” is in the legend already."), letter=key)
        self.defined.add(key)
        self.unknown.discard(key)
        self.plan.legend[key] = Kind(seat_type, f"{Decimal(modifier or 1):.2f}")
        return None

    def _row(self, line: str) -> None:
        head, colon, cells = line.rpartition(":")
        begin = len(head) + len(colon)  # the index at which the cells begin
        if colon and cells.startswith(" "):
            cells, begin = cells[1:], begin + 1
        label, numbers, place = self._head(head)
        if not cells.strip(GAPS):
            self.y += 1
            return
        label = label or self._next_label()
        if label is None:
            return
        x, y = place or (1, self.y)
        found = [(index, letter) for index, letter in enumerate(cells) if letter not in GAPS]
        given = self._numbers(label, numbers, len(found))
        for (index, letter), number in zip(found, given, strict=False):
            if len(self.plan.errors) >= MOST_ERRORS:
                break
            at = (x + index, y) if x is not None and y is not None else None
            self._seat(begin + index + 1, letter, label, number, at)
        if y is not None:
            self.y = y + 1
        elif any(letter in GAPS for letter in cells.strip(GAPS)):
            self._fail(begin + 1, _("Seats without positions have no gaps between them."))
        self.has_rows, self.last_label = True, label
        self.highest[label] = max(self.highest.get(label, 0), *given)

    def _head(self, head: str) -> tuple[str | None, tuple[int, str] | None, tuple[int | None, int | None] | None]:
        """Label, numbers with their column, and place of the first cell: what is there of them."""
        label, numbers, place = None, None, None
        for word in re.finditer(r"\S+", head):
            column, text = word.start() + 1, word.group()
            if text.startswith("@"):
                place = self._place(column, text)
            elif text[0].isdigit():
                numbers = (column, text)
            elif LABEL.fullmatch(text) and label is None:
                label = text
            else:
                self._fail(column, _("A row label has one to three capital letters, such as A or AB."))
                label = label or LAST_LABEL  # so that the rest of the line is read
        return label, numbers, place

    def _place(self, column: int, text: str) -> tuple[int | None, int | None] | None:
        match = PLACE.fullmatch(text)
        if match is None:
            self._fail(column, _("A place is @ and a number, such as @4, or two, such as @4,9, or @none."))
            return None
        if text == "@none":
            return None, None
        return int(match[1]), int(match[2]) if match[2] else self.y

    def _next_label(self) -> str | None:
        if self.last_label == LAST_LABEL:
            self._fail(1, _("No row label comes after {label}."), label=LAST_LABEL)
            return None
        return next(labels_after(self.last_label))

    def _numbers(self, label: str, given: tuple[int, str] | None, wanted: int) -> list[int]:
        """The numbers of a line's seats."""
        first = self.highest.get(label, 0) + 1
        if given is None:
            return list(range(first, first + wanted))
        column, text = given
        numbers: list[int] = []
        if NUMBERS.fullmatch(text):
            for part in text.split(","):
                low, _dash, high = part.partition("-")
                start, end = int(low), int(high or low)
                numbers += range(start, end + 1) if start <= end else range(start, end - 1, -1)
                if len(numbers) > MOST_SEATS:
                    break
        else:
            self._fail(column, _("Numbers are such as 1-8, 8-1 or 1,3,5."))
            return list(range(first, first + wanted))
        if len(numbers) != wanted:
            self._fail(column, _("{numbers} numbers are given for {seats} seats."), numbers=len(numbers), seats=wanted)
            return list(range(first, first + wanted))
        return numbers

    def _seat(self, column: int, letter: str, label: str, number: int, at: tuple[int, int] | None) -> None:
        kind = self.plan.legend.get(letter) or self.plan.legend.get(letter.upper())
        if kind is None:
            if letter in self.unknown:
                return
            self.unknown.add(letter)
            message = _("“{letter}” is not in the legend: add a line such as {letter} = premium 1.50.")
            self._fail(column, message, letter=letter)
        elif (refusal := self._refusal(label, number, at)) is not None:
            if (self.line, refusal) not in self.refused:
                self.refused.add((self.line, refusal))
                self._fail(column, refusal, seat=f"{label}{number}", most=MOST_SEATS)
        else:
            self.labels.add((label, number))
            if at is not None:
                self.places.add(at)
            x, y = at or (None, None)
            self.plan.seats.append(PlannedSeat(label, number, kind, x, y))

    def _refusal(self, label: str, number: int, at: tuple[int, int] | None) -> str | None:
        """Why a seat cannot be in the plan."""
        checks = (
            (not 1 <= number <= HIGHEST_NUMBER, _("Seat numbers are from 1 to 1000.")),
            ((label, number) in self.labels, _("Seat {seat} is in the plan already.")),
            (at is not None and max(map(abs, at)) > FARTHEST, _("Places are from -100000 to 100000.")),
            (at in self.places, _("Another seat has this place already.")),
            (len(self.plan.seats) >= MOST_SEATS, _("A room has at most {most} seats.")),
        )
        return next((message for is_wrong, message in checks if is_wrong), None)
