"""The report in Markdown: goals and results, then every contestant, then the machine."""

from collections.abc import Mapping, Sequence

from .fastapi_peer import STACK
from .pgbench import CLIENTS
from .ratios import median, spread
from .records import LATENCY, LOWER_IS_BETTER, SWEPT, THROUGHPUT, Figure, Records, Sample

CHARTS = {
    THROUGHPUT: "Throughput (per second) against connections",
    LATENCY: "Latency (ms) against requests offered a second",
}
UNITS = {"ratio": "x", "growth": "x", "latency": " ms", "rate": "/s", "cpu": " us", "memory": " B"}
HEAD = f"""\
# Results

Written by `make bench`; [README.md](README.md) says what is measured and how. A ratio is computed for each repetition,
between contestants measured back to back, and the median of the ratios is what was reached; the spread is the lowest
and the highest of them. Ratios carry over to other machines better than absolute numbers do.

"FastAPI" stands for one peer: {STACK}. pgbench runs with
{CLIENTS} clients, as asked, whatever the product is driven with. The peak of the open model ends where the generator
or the server falls behind, since they share the machine; the note on it says what went wrong beyond.
"""


def render(records: Records, machine: Mapping[str, str], *, elapsed_s: float, plan: str, plots: bool) -> str:
    """The whole report."""
    parts = [
        HEAD,
        summary(records.figures),
        figures_table(records.figures),
        "## Every contestant\n",
        "Medians over the repetitions, with the lowest and the highest rate. CPU is user and system time of all the\n"
        "processes of a kind, by unit of work; `postgresql` are the backends.\n",
        contestants_table({name: runs for name, runs in records.samples.items() if not name.startswith(SWEPT)}),
    ]
    if records.notes:
        parts.append("".join(f"- {note}\n" for note in records.notes))
    for heading, (head, *rows) in records.tables.items():
        parts += [f"## {heading}\n", table(head, rows)]
    for chart, head in CHARTS.items():
        if plots and chart in records.curves:
            parts += [f"## {head}\n", f"![{head}](plots/{chart}.svg)\n", curves_table(records.curves[chart])]
    parts += ["## Machine and versions\n", machine_table(machine), f"{plan}; {elapsed_s / 60:.1f} minutes in all.\n"]
    return "\n".join(parts)


def summary(figures: Sequence[Figure]) -> str:
    """One sentence: which goals are missed, or that none is."""
    missed = [figure.title for figure in figures if figure.verdict == "missed"]
    if not missed:
        return f"All {len(figures)} figures are reached.\n"
    return f"**{len(missed)} of {len(figures)} figures missed**: {'; '.join(missed)}.\n"


def figures_table(figures: Sequence[Figure]) -> str:
    """Goals and results."""
    rows = []
    for figure in figures:
        low, high = spread(figure.readings)
        unit = UNITS[figure.kind]
        verdict = f"**{figure.verdict}**" if figure.verdict == "missed" else figure.verdict
        rows.append(
            (
                figure.title,
                f"{limit_sign(figure)} {number(figure.asked)}{unit}",
                f"{number(figure.aim)}{unit}",
                f"{number(figure.reached)}{unit}",
                f"{number(low)} .. {number(high)} ({len(figure.readings)})",
                verdict,
            )
        )
    return table(("figure", "asked", "aim", "reached", "spread (repetitions)", "verdict"), rows)


def contestants_table(samples: Mapping[str, Sequence[Sample]]) -> str:
    """Rates, latencies and CPU time of all contestants."""
    rows = []
    for name, runs in samples.items():
        low, high = spread([run.rate for run in runs])
        latencies = [
            number(median([run.latency_ms[key] for run in runs])) if key in runs[0].latency_ms else ""
            for key in ("p50", "p99")
        ]
        cpu = ", ".join(
            f"{process} {number(used)}"
            for process in runs[0].cpu_us
            if (used := median([run.cpu_us[process] for run in runs])) >= 0.5
        )
        rate = f"{number(median([run.rate for run in runs]))} ({number(low)} .. {number(high)})"
        rows.append((name, rate, *latencies, cpu))
    return table(("contestant", "per second", "p50 ms", "p99 ms", "CPU us a unit"), rows)


def curves_table(curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """The points of a chart: medians, a line of the chart a row."""
    columns = sorted({x for points in curves.values() for x, _ in points})
    rows = []
    for name, points in curves.items():
        found = [[y for other, y in points if other == x] for x in columns]
        rows.append((name, *(number(median(ys)) if ys else "" for ys in found)))
    return table(("", *(number(x) for x in columns)), rows)


def machine_table(machine: Mapping[str, str]) -> str:
    """Machine and versions."""
    return table(("what", "which"), list(machine.items()))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def limit_sign(figure: Figure) -> str:
    """How the limit of a figure is written."""
    return "<=" if figure.kind in LOWER_IS_BETTER else ">="


def number(value: float) -> str:
    """A number with three significant digits, or all digits of a large one."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.01 else f"{value:.4f}"
