"""Charts as standalone SVG texts: no script, no outside asset, readable in light and in dark mode.

A chart carries its own style sheet, so it can stand in a page or be a file of its own. Series differ by dash and by
marker as well as by colour, and every chart has a title and a description for those who do not see it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from operator import itemgetter
from zlib import crc32

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 72, 20, 64, 52
MAX_TICKS = 8
COLOURS = 6  # after that they begin again, and the dashes go on
MARKED_UP_TO = 60  # points of a series; more of them would be a blur

STYLE = """
.chart{--ink:#1f2430;--faint:#d8dce4;--c0:#1f6fb4;--c1:#c2410c;--c2:#15803d;--c3:#9333ea;--c4:#b45309;--c5:#be185d;
font:12px system-ui,sans-serif;color:var(--ink)}
@media (prefers-color-scheme:dark){.chart{--ink:#e4e7ee;--faint:#3b4252;--c0:#7cb8f2;--c1:#fb923c;--c2:#6ee7a0;
--c3:#c9a2ff;--c4:#fcd34d;--c5:#f9a8d4}}
.chart text{fill:var(--ink)}.chart .name{font-size:15px;font-weight:600}
.chart .grid{stroke:var(--faint);stroke-width:1}.chart .axis{stroke:var(--ink);stroke-width:1}
.chart .line{fill:none;stroke-width:2;stroke-linejoin:round}.chart .whisker{stroke-width:1.2;opacity:.75}
""" + "".join(f".chart .s{n}{{stroke:var(--c{n})}}.chart .f{n}{{fill:var(--c{n})}}" for n in range(COLOURS))
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "12 4")


@dataclass(frozen=True, slots=True)
class Series:
    """A line; `spread` is the lowest and the highest value of each point, drawn as whiskers."""

    name: str
    points: Sequence[tuple[float, float]]
    spread: Sequence[tuple[float, float]] | None = None


@dataclass(frozen=True, slots=True)
class _Axis:
    """One direction of a chart: what stands where, in pixels, and which values get a tick."""

    low: float
    high: float
    start_px: float
    end_px: float
    log: bool
    ticks: Sequence[tuple[float, str]]

    def px(self, value: float) -> float:
        """Where a value stands; one beyond the axis stands at its end."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, max(value, self.low)))
        return self.start_px + (min(at, high) - low) / (high - low) * (self.end_px - self.start_px)


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

    `x_ticks`, values with their words, replaces the ticks that would be chosen.
    """
    shown = [_drawable(one, log_x=log_x, log_y=log_y) for one in series]
    xs = [x for one in shown for x, _ in one.points] + [x for x, _ in x_ticks or ()]
    ys = [y for one in shown for _, y in one.points] + [y for one in shown for pair in one.spread or () for y in pair]
    x_axis = _axis(xs, LEFT, WIDTH - RIGHT, log=log_x, from_zero=False, ticks=x_ticks)
    y_axis = _axis(ys, HEIGHT - BOTTOM, TOP, log=log_y, from_zero=True)
    parts = [*_grid(x_axis, y_axis, x_label, y_label), *_legend([one.name for one in shown])]
    for number, one in enumerate(shown):
        parts += _line(number, one, x_axis, y_axis)
    if not xs:
        parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT / 2}" text-anchor="middle">no data</text>')
    description = f"Line chart of {y_label} over {x_label}. " + " ".join(_in_words(one) for one in shown)
    return _svg(title, description, parts)


def _drawable(series: Series, *, log_x: bool, log_y: bool) -> Series:
    """The series without the points that cannot be drawn."""

    def fits(x: float, y: float) -> bool:
        return math.isfinite(x) and math.isfinite(y) and (x > 0 or not log_x) and (y > 0 or not log_y)

    kept = [place for place, point in enumerate(series.points) if fits(*point)]
    spread = None if series.spread is None else [series.spread[place] for place in kept]
    return Series(series.name, [series.points[place] for place in kept], spread)


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


def _grid(x_axis: _Axis, y_axis: _Axis, x_label: str, y_label: str) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts: list[str] = []
    for value, word in x_axis.ticks:
        x = x_axis.px(value)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{escape(word)}</text>')
    for value, word in y_axis.ticks:
        y = y_axis.px(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(word)}</text>')
    middle = (TOP + bottom) / 2
    parts += [
        f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{bottom}H{right}"/>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>',
    ]
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    parts: list[str] = []
    x = float(LEFT)
    for number, name in enumerate(names):
        parts.append(f'<line {_stroke(number)} x1="{x:.0f}" x2="{x + 24:.0f}" y1="46" y2="46"/>')
        parts.append(f'<text x="{x + 30:.0f}" y="50">{escape(name)}</text>')
        x += 48 + 6.6 * len(name)
    return parts


def _line(number: int, series: Series, x_axis: _Axis, y_axis: _Axis) -> list[str]:
    places = [(x_axis.px(x), y_axis.px(y)) for x, y in series.points]
    if not places:
        return []
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [f'<polyline {_stroke(number)} points="{path}"/>']
    if len(places) <= MARKED_UP_TO:
        radius = 4 if len(places) == 1 else 2.6
        parts += [f'<circle class="f{number % COLOURS}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>' for x, y in places]
    for (x, _), (low, high) in zip(places, series.spread or (), strict=False):
        top, bottom = y_axis.px(high), y_axis.px(low)
        shape = f"M{x:.1f} {top:.1f}V{bottom:.1f}M{x - 4:.1f} {top:.1f}h8M{x - 4:.1f} {bottom:.1f}h8"
        parts.append(f'<path class="whisker s{number % COLOURS}" fill="none" d="{shape}"/>')
    return parts


def _stroke(number: int) -> str:
    dash = DASHES[number % len(DASHES)]
    return f'class="line s{number % COLOURS}"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _in_words(series: Series) -> str:
    if not series.points:
        return f"{series.name}: no data."
    low, high = min(series.points, key=itemgetter(1)), max(series.points, key=itemgetter(1))
    last = series.points[-1]
    return (
        f"{series.name}: {len(series.points)} points, lowest {_number(low[1])} at {_number(low[0])}, "
        f"highest {_number(high[1])} at {_number(high[0])}, last {_number(last[1])}."
    )


def _svg(title: str, description: str, parts: Sequence[str]) -> str:
    mark = f"{crc32((title + description).encode()):08x}"  # ids are unique in a page with many charts
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" '
        f'role="img" aria-labelledby="t{mark} d{mark}" style="max-width:{WIDTH}px">'
        f'<title id="t{mark}">{escape(title)}</title><desc id="d{mark}">{escape(description)}</desc>'
        f'<style>{STYLE}</style><text class="name" x="{LEFT}" y="24">{escape(title)}</text>{"".join(parts)}</svg>'
    )
