"""The report as one HTML file: without scripts, and without anything to fetch."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .charts import Series, line_chart
from .report import Report

NINES = ((1, "0"), (2, "50"), (10, "90"), (100, "99"), (1000, "99.9"), (10_000, "99.99"), (100_000, "99.999"))
MAX_POINTS = 600  # of a line: a long run is thinned out


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_page(report: Report, path: Path) -> None:
    """Write the report as a page."""
    path.write_text(render(report), encoding="utf-8")


def render(report: Report) -> str:
    """The page's text."""
    charts = [Markup(chart) for chart in _charts(report)]  # noqa: S704 - charts.py escapes every word it is given
    return _environment().get_template("report.html").render(report=report, charts=charts)


def _charts(report: Report) -> list[str]:
    rows = _thinned(report["seconds"])
    return [
        line_chart(
            "Throughput",
            "seconds since the start",
            "requests a second",
            [_line("offered", rows, "offered"), _line("answered", rows, "answered"), _line("errors", rows, "errors")],
        ),
        line_chart(
            "Latency over time",
            "seconds since the start",
            "milliseconds",
            [_line("p50", rows, "p50_ms"), _line("p99", rows, "p99_ms")],
            log_y=True,
        ),
        _distribution(report),
    ]


def _line(name: str, rows: list[dict[str, Any]], key: str) -> Series:
    return Series(name, [(row["second"], row[key]) for row in rows])


def _thinned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows[:: -(-len(rows) // MAX_POINTS)] if rows else []


def _distribution(report: Report) -> str:
    """The HDR plot: each step to the right along the logarithmic axis is a rarer latency."""
    series = [
        Series(name, [(100 / (100 - percentile), ms) for percentile, ms in points if percentile < 100])
        for name, points in report["distribution"].items()
        if points and name != "all"
    ]
    rarest = max((x for one in series for x, _ in one.points), default=10)
    ticks = [(x, word) for x, word in NINES if x <= rarest * 2]
    return line_chart("Latency by percentile", "percentile", "milliseconds", series, log_x=True, x_ticks=ticks)
