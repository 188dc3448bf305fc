"""Charts of reports: the bars of an SVG, in its units; the table beside it has the figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

WIDTH, HEIGHT = 720.0, 180.0
MOST_BARS = 100  # more would be thinner than what one can see
SHARE = 0.7  # of its place that a bar takes


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from the bottom up, and a part of it that is drawn over it."""

    x: float
    width: float
    height: float
    part: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of a report's rows, the first ones if there are many; `most` is what the highest one stands for."""

    bars: Sequence[Bar]
    most: Decimal

    @property
    def width(self) -> float:
        """Of the drawing."""
        return WIDTH

    @property
    def height(self) -> float:
        """Of the drawing."""
        return HEIGHT


def chart_of(items: Sequence[dict[str, Any]], whole: str, part: str) -> Chart | None:
    """A bar for each item, as high as its figure `whole`, with `part` over it; None if there is nothing to see."""
    shown = items[:MOST_BARS]
    values = [(Decimal(str(item[whole])), Decimal(str(item[part]))) for item in shown]
    most = max((max(pair) for pair in values), default=Decimal(0))
    if most <= 0:
        return None
    place = min(WIDTH / len(shown), 60.0)
    bars = [
        Bar(round(number * place, 2), round(place * SHARE, 2), _height(value, most), _height(inner, most))
        for number, (value, inner) in enumerate(values)
    ]
    return Chart(bars, most)


def _height(value: Decimal, most: Decimal) -> float:
    return round(float(value / most) * HEIGHT, 2)
