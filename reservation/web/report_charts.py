"""Charts of reports: places and sizes of their bars in per cent of the drawing; the table beside it has the figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

MOST_ROWS = 15  # that have a name each: more would not be read as a drawing
MOST_LABELS = 7  # of days below the bars
SHARE = 0.7  # of its place that a bar takes
WIDEST = 8.0  # per cent: a report of two days has no bars as wide as a page
TICKS = 4  # about so many steps of the value axis
ROUND_STEPS = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))


@dataclass(frozen=True, slots=True)
class Bar:
    """What is drawn of one row of a report."""

    item: dict[str, Any]
    start: float  # from the left
    width: float
    whole: float  # its height, or its length where bars lie
    part: float
    is_labelled: bool
    is_labelled_when_narrow: bool

    @property
    def middle(self) -> float:
        """Where its label is."""
        return round(self.start + self.width / 2, 2)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the value axis."""

    value: Decimal
    height: float  # above the bottom


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of a report's rows; `zero` is how far above the bottom they begin."""

    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    zero: float
    left_out: int


def columns(items: Sequence[dict[str, Any]], whole: str, part: str, *, is_part_below: bool) -> Chart | None:
    """Upright bars of days, with `part` below zero or in front of `whole`; None if there is nothing to see."""
    most, most_of_part = _most(items, whole), _most(items, part)
    step = _step(max(most, most_of_part))
    if step is None:
        return None
    below = _steps_in(most_of_part, step) if is_part_below else 0
    above = max(_steps_in(most, step), 1 if below == 0 else 0)
    per_step = 100 / (above + below)
    place = 100 / len(items)
    width = min(place * SHARE, WIDEST)
    between = -(-len(items) // MOST_LABELS)
    bars = [
        Bar(
            item,
            round(number * place + (place - width) / 2, 3),
            round(width, 3),
            _size(item, whole, step, per_step),
            _size(item, part, step, per_step),
            number % between == 0,
            number % (between * 3) == 0,
        )
        for number, item in enumerate(items)
    ]
    ticks = [Tick(number * step, round((number + below) * per_step, 2)) for number in range(-below, above + 1)]
    return Chart(bars, ticks, round(below * per_step, 2), 0)


def rows(items: Sequence[dict[str, Any]], whole: str, part: str) -> Chart | None:
    """Lying bars of things with names, those of the first rows; None if there is nothing to see."""
    shown = items[:MOST_ROWS]
    most = max(_most(shown, whole), _most(shown, part))
    if most <= 0:
        return None
    bars = [
        Bar(item, 0, 100, _size(item, whole, most, 100), _size(item, part, most, 100), True, True) for item in shown
    ]
    return Chart(bars, (), 0, len(items) - len(shown))


def _most(items: Sequence[dict[str, Any]], figure: str) -> Decimal:
    return max((Decimal(str(item[figure])) for item in items), default=Decimal(0))


def _step(most: Decimal) -> Decimal | None:
    """1, 2 or 5 times a power of ten, so that about TICKS of them make `most`; None for no figures."""
    if most <= 0:
        return None
    power = Decimal(1).scaleb((most / TICKS).adjusted())
    return next(power * each for each in ROUND_STEPS if power * each * TICKS >= most)


def _steps_in(value: Decimal, step: Decimal) -> int:
    return int((value / step).to_integral_value(ROUND_CEILING))


def _size(item: dict[str, Any], figure: str, unit: Decimal, percent: float) -> float:
    return round(float(Decimal(str(item[figure])) / unit) * percent, 2)
