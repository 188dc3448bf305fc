"""The plots: throughput against concurrency, latency against offered rate."""

from pathlib import Path

from reservation.load.reports.charts import Series, line_chart

from .ratios import median, spread
from .records import LATENCY, THROUGHPUT, Records
from .scenarios.sweep import CONNECTIONS


def write(records: Records, folder: Path) -> None:
    """Write plots/throughput.svg and plots/latency.svg, if their points were measured."""
    folder.mkdir(exist_ok=True)
    throughput = records.curves.get(THROUGHPUT, {})
    if throughput:
        svg = line_chart(
            "Throughput against concurrency",
            "concurrency (connections)",
            "throughput (operations/s)",
            _series(throughput),
            log_x=True,
            log_y=True,
            x_ticks=[(connections, str(connections)) for connections in CONNECTIONS],
        )
        (folder / "throughput.svg").write_text(svg)
    latencies = records.curves.get(LATENCY, {})
    if latencies:
        svg = line_chart(
            "Latency of holds and confirms against offered load",
            "offered load (requests/s, of all kinds)",
            "latency (ms)",
            _series(latencies),
            log_y=True,
        )
        (folder / "latency.svg").write_text(svg)


def _series(curves: dict[str, list[tuple[float, float]]]) -> list[Series]:
    """Lines through the medians, with whiskers from the lowest to the highest."""
    lines = []
    for name, points in curves.items():
        repetitions = {x: [y for other, y in points if other == x] for x in sorted({x for x, _ in points})}
        medians = [(x, median(ys)) for x, ys in repetitions.items()]
        lines.append(Series(name, medians, spread=[spread(ys) for ys in repetitions.values()]))
    return lines
