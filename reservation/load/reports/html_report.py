"""The report as one HTML file: without scripts, and without anything to fetch."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from ..service_metrics import service_lines
from ..viewers import viewer_lines
from .charts import TEMPLATES, Series, line_chart
from .report import COLUMNS, Report, findings

NINES = ((1, "0"), (2, "50"), (10, "90"), (100, "99"), (1000, "99.9"), (10_000, "99.99"), (100_000, "99.999"))
NO_VIEWERS = {"asked": 0}
MAX_POINTS = 600  # of a line: a long run is thinned out


def write_page(report: Report, path: Path) -> None:
    """Write the report as a page."""
    charts = [Markup(chart) for chart in _charts(report)]  # noqa: S704 - the template escapes every text it is given
    page = TEMPLATES.get_template("report.html").render(
        report=report,
        charts=charts,
        columns=COLUMNS,
        findings=findings(report),
        viewers=viewer_lines(report.get("viewers", NO_VIEWERS)),
        service=service_lines(report["service"]),
    )
    path.write_text(page, encoding="utf-8")


def _charts(report: Report) -> list[str]:
    rows = report["seconds"][:: -(-len(report["seconds"]) // MAX_POINTS) or 1]

    def over_time(title: str, y_label: str, columns: dict[str, str], *, log_y: bool = False) -> str:
        series = [Series(name, [(row["second"], row[key]) for row in rows]) for name, key in columns.items()]
        return line_chart(title, "time since the start (s)", y_label, series, log_y=log_y)

    counts = {name: name for name in ("offered", "answered", "errors")}
    steps = sorted(report.get("steps", ()), key=lambda step: float(step["rate"]))
    by_rate = [Series(name, [(step["rate"], step[f"{name}_ms"]) for step in steps]) for name in ("p50", "p99")]
    return [
        *([line_chart("Latency by rate", "rate (requests/s)", "latency (ms)", by_rate, log_y=True)] if steps else ()),
        over_time("Throughput", "rate (requests/s)", counts),
        over_time("Latency over time", "latency (ms)", {"p50": "p50_ms", "p99": "p99_ms"}, log_y=True),
        _distribution(report["distribution"]),
    ]


def _distribution(distribution: dict[str, Any]) -> str:
    """The HDR plot: each step to the right along the logarithmic axis is a rarer latency."""
    series = [
        Series(name, [(100 / (100 - percentile), ms) for percentile, ms in points if percentile < 100])
        for name, points in distribution.items()
        if points and name != "all"
    ]
    rarest = max((x for line in series for x, _ in line.points), default=10)
    ticks = [(x, text) for x, text in NINES if x <= rarest * 2]
    return line_chart("Latency by percentile", "percentile (%)", "latency (ms)", series, log_x=True, x_ticks=ticks)
