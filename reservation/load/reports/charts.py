"""Charts as standalone SVG texts: no script, no outside asset, readable in light and in dark mode.

A chart has its own style sheet, so it can stand in a page or be a file of its own. Any two of forty lines differ by
dash or marker, and are told apart without colours; every chart has a title and a description for screen readers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from zlib import crc32

from jinja2 import Environment, FileSystemLoader, StrictUndefined

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, PLOT_PX = 72, WIDTH - 20, 64, HEIGHT - 116
LEGEND_ROW_PX = 20
MAX_TICKS = 8
MAX_MARKED = 24  # points of a line; of more, every n-th is marked
COLOURS = 6  # the template's
DASHES = ("none", "8 4", "2 3", "10 3 2 3", "16 5")
# Circle, square, triangle, diamond, cross, inverted triangle, plus, bar: paths around 0, 0.
MARKERS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "M-3.5-3.5h7v7h-7z",
    "M0-5L4.5 3.5h-9z",
    "M0-5L5 0L0 5L-5 0z",
    "M-4-4L4 4M-4 4L4-4",
    "M0 5L4.5-3.5h-9z",
    "M-5 0H5M0-5V5",
    "M0-6V6",
)

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals |= {"width": WIDTH, "left": LEFT, "right": RIGHT, "colours": COLOURS}


@dataclass(frozen=True, slots=True)
class Series:
    """A line; `spread` is the lowest and the highest value of each point, drawn as whiskers."""

    name: str
    points: Sequence[tuple[float, float]]
    spread: Sequence[tuple[float, float]] | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """A series with its looks: number of its colour, dash, marker, the marked points, and the place of its legend."""

    series: Series
    colour: int
    dash: str
    marker: str
    marked: Sequence[tuple[float, float]]
    legend: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Axis:
    """One direction of a chart: its range of values and of pixels, and the values that get a tick."""

    low: float
    high: float
    start_px: float
    end_px: float
    log: bool
    ticks: Sequence[tuple[float, str]]

    def px(self, value: float) -> float:
        """The place of a value; one beyond the axis is drawn at its end."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, max(value, self.low)))
        return round(self.start_px + (min(at, high) - low) / (high - low) * (self.end_px - self.start_px), 1)


def line_chart(
    title: str,
    x_label: str,
    y_label: str,
    series: Sequence[Series],
    *,
    log_x: bool = False,
    log_y: bool = False,
    x_ticks: Sequence[tuple[float, str]] | None = None,
) -> str:
    """Lines over two axes; a logarithmic axis leaves out what is not above zero.

    `x_ticks`, values with their texts, replaces the ticks that would be chosen.
    """
    lines = [_drawable(line, log_x=log_x, log_y=log_y) for line in series]
    xs = [x for line in lines for x, _ in line.points] + [x for x, _ in x_ticks or ()]
    ys = [y for line in lines for _, y in line.points] + [
        y for line in lines for pair in line.spread or () for y in pair
    ]
    description = f"Line chart of {y_label} over {x_label}. " + " ".join(map(_in_words, lines))
    looks = _looks(lines)
    top = TOP + looks[-1].legend[1] if looks else TOP
    bottom = top + PLOT_PX
    return TEMPLATES.get_template("chart.svg").render(
        title=title,
        description=description,
        mark=f"{crc32((title + description).encode()):08x}",  # ids are unique in a page with many charts
        lines=looks,
        top=top,
        bottom=bottom,
        height=bottom + 52,
        x_label=x_label,
        y_label=y_label,
        x_axis=_axis(xs, LEFT, RIGHT, log=log_x, from_zero=False, ticks=x_ticks),
        y_axis=_axis(ys, bottom, top, log=log_y, from_zero=True),
    )


def _looks(lines: Sequence[Series]) -> list[_Line]:
    """How each line is drawn; legends that do not fit into a row go on in the next one."""
    looks: list[_Line] = []
    x, y = LEFT, 0
    for number, line in enumerate(lines):
        width = 58 + round(6.8 * len(line.name))
        if x > LEFT and x + width > RIGHT:
            x, y = LEFT, y + LEGEND_ROW_PX
        stride = -(-len(line.points) // MAX_MARKED) or 1
        # Lines that lie on each other are marked at different points.
        marked = line.points[number * stride // len(lines) :: stride]
        dash, marker = DASHES[number % len(DASHES)], MARKERS[number % len(MARKERS)]
        looks.append(_Line(line, number % COLOURS, dash, marker, marked, (x, y)))
        x += width
    return looks


def _drawable(series: Series, *, log_x: bool, log_y: bool) -> Series:
    """The series without the points that cannot be drawn."""

    def fits(value: float, *, log: bool) -> bool:
        return math.isfinite(value) and (value > 0 or not log)

    kept = [n for n, (x, y) in enumerate(series.points) if fits(x, log=log_x) and fits(y, log=log_y)]
    spread = None if series.spread is None else [series.spread[n] for n in kept]
    return Series(series.name, [series.points[n] for n in kept], spread)


def _axis(
    values: Sequence[float],
    start_px: float,
    end_px: float,
    *,
    log: bool,
    from_zero: bool,
    ticks: Sequence[tuple[float, str]] | None = None,
) -> _Axis:
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = (min(finite), max(finite)) if finite else (1.0, 10.0)
    chosen = _log_ticks(low, high) if log else _linear_ticks(min(low, 0.0) if from_zero else low, high)
    if ticks is None and (log or from_zero):  # the axis ends on ticks
        low, high = min(low, chosen[0]), max(high, chosen[-1])
    if high <= low:
        high = low * 10 if log else low + 1
    inside = [(value, _number(value)) for value in chosen if low <= value <= high]
    return _Axis(low, high, start_px, end_px, log, inside if ticks is None else ticks)


def _linear_ticks(low: float, high: float) -> list[float]:
    """Round values, from the last one not above `low` to the first one not below `high`."""
    span = (high - low) or abs(high) or 1.0
    raw = span / (MAX_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten around the values, with 2 and 5 of each where there are few of them."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    stride = -(-(last - first) // (MAX_TICKS - 1))
    between = (1, 2, 5) if last - first <= 2 else (1,)
    ticks = [factor * 10.0**power for power in range(first, last, stride) for factor in between]
    return [*ticks, 10.0**last]


def _number(value: float) -> str:
    if value and (abs(value) >= 1e7 or abs(value) < 1e-3):
        return f"{value:.3g}"
    return f"{value:,.3f}".rstrip("0").rstrip(".")


def _in_words(series: Series) -> str:
    if not series.points:
        return f"{series.name}: no data."
    low, high = min(series.points, key=itemgetter(1)), max(series.points, key=itemgetter(1))
    return (
        f"{series.name}: {len(series.points)} points, lowest {_number(low[1])} at {_number(low[0])}, "
        f"highest {_number(high[1])} at {_number(high[0])}, last {_number(series.points[-1][1])}."
    )
