"""python -m benchmarks.tracing_cost [--repetitions N] [--seconds S] [--write]: what tracing costs, also when it is off.

Four services of this tree run at once and are loaded in turn: one that cannot import OpenTelemetry, as without the
extra `tracing`; one that could, with tracing off; and two that trace, one request in a hundred and all of them. Each
turn has cycles (a hold and its confirm, whose statements run in batches) and a list of reservations (one statement of
the request's own, which names the trace in a comment if it is sampled). A ratio is computed for each repetition, to
the service without the package. Before, Python is started in turn with and without the package. `--write` puts the
tables into NOTES.md.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from .bench import Bench, Plan, say
from .processes import Server, finish, running_server
from .ratios import median, paired_ratios, spread
from .sections import circumstances, write_section
from .stand import running_stand
from .templates import empty_template
from .versions import BASELINE, ROOT
from .walks import Walk

NOTES = Path(__file__).parent / "NOTES.md"
CONNECTIONS, READERS = 64, 16
WARM_UP_S = 1.0
ABSENT, OFF, FEW, ALL = "without the package", "installed, off", "on, 1 %", "on, 100 %"
WAYS = (ABSENT, OFF, FEW, ALL)
SAMPLER: Mapping[str, Mapping[str, str]] = {
    FEW: {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    ALL: {"OTEL_TRACES_SAMPLER": "always_on"},
}
CYCLES, LISTS = "a cycle", "a list of reservations"
# What a worker and the background process import; spans.py only while tracing is on.
START = "import reservation.worker, reservation.background"
STARTS = {ABSENT: START, OFF: START, ALL: f"{START}, reservation.runtime.spans"}
AND_SIZE = "; import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the services under load."""

    way: str
    server: Server
    walk: Walk
    lists: Path

    def drive(self, bench: Bench, what: str, *, seconds: float | None = None, keep: bool = True) -> None:
        """Load it once."""
        name = contestant(self.way, what)
        if what == CYCLES:
            self.walk.drive(
                bench,
                name,
                self.server,
                "cycles",
                connections=CONNECTIONS,
                unit="confirmed",
                seconds=seconds,
                keep=keep,
            )
        else:
            environment = {"REQUESTS": str(self.lists)}
            bench.drive(
                name, self.server, "get", connections=READERS, seconds=seconds, keep=keep, environment=environment
            )


def contestant(way: str, what: str) -> str:
    """The name of a run."""
    return f"{what}, tracing {way}"


def measure(bench: Bench, collector: str) -> None:
    """Load the services in turn, and keep a sample of each for each repetition."""
    with ExitStack() as stack:
        sides = [_side(bench, stack, way, number, collector) for number, way in enumerate(WAYS)]
        for side in sides:
            for what in (CYCLES, LISTS):
                side.drive(bench, what, seconds=WARM_UP_S, keep=False)
        for number in bench.repetitions():
            for what in (CYCLES, LISTS):
                for side in sides[:: 1 if number % 2 else -1]:
                    side.drive(bench, what)
        for side in sides:
            side.walk.check()


def _side(bench: Bench, stack: ExitStack, way: str, number: int, collector: str) -> Side:
    stand = bench.stand
    walk = Walk(stand, stand.database(f"bench_tracing_{number}", empty_template(stand)))
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, **SAMPLER[way]} if way in SAMPLER else {}
    server = stack.enter_context(
        bench.product(
            f"product-tracing-{number}",
            database=walk.database,
            redis_url=stand.redis_url(number),
            workers=1,
            settings={**settings, "PYTHONPATH": _python_path(stand.folder, way)},
        )
    )
    lines = [f"/reservations?limit=5 {token} -\n" for token in list(walk.tokens_by_user().values())[:64]]
    return Side(way, server, walk, bench.write(f"lists-{number}", "".join(lines)))


def _python_path(folder: Path, way: str) -> str:
    """This tree; for a service without the package, before it a module that cannot be imported in its place."""
    if way != ABSENT:
        return str(ROOT)
    absent = folder / "absent"
    absent.mkdir(exist_ok=True)
    (absent / "opentelemetry.py").write_text("raise ModuleNotFoundError('opentelemetry', name='opentelemetry')\n")
    return f"{absent}{os.pathsep}{ROOT}"


def start_times(folder: Path, repetitions: int) -> dict[str, list[tuple[float, float]]]:
    """CPU milliseconds and MiB of an interpreter that has imported what a worker does, by way, in turn."""
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in STARTS}
    for _ in range(repetitions + 1):
        for way, program in STARTS.items():
            environment = {"PYTHONPATH": _python_path(folder, way), "PYTHONDONTWRITEBYTECODE": ""}
            done = finish([sys.executable, "-c", program + AND_SIZE], folder=folder, environment=environment)
            found[way].append((done.cpu_s * 1000, int(done.text.split()[-1]) / 1024))
    return {way: each[1:] for way, each in found.items()}  # the first may have compiled the modules


def starts_table(starts: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """A row for each way to start."""
    lines = ["| tracing | CPU of a start, ms | ratio | memory, MiB |", "|---|---|---|---|"]
    base = [cpu_ms for cpu_ms, _ in starts[ABSENT]]
    for way, each in starts.items():
        cpu, size = [cpu_ms for cpu_ms, _ in each], median([mib for _, mib in each])
        lines.append(f"| {way} | {median(cpu):.0f} | {_ratio(cpu, base)} | {size:.1f} |")
    return "\n".join(lines)


def table(bench: Bench) -> str:
    """A row for each kind of request and way: CPU microseconds of the service and of PostgreSQL, and their ratios."""
    lines = [
        "| unit | tracing | service, us | ratio | PostgreSQL, us | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for what in (CYCLES, LISTS):
        for way in WAYS:
            cells = []
            for process in ("server", "postgresql"):
                used, base = (
                    [sample.cpu_us[process] for sample in bench.records.samples[contestant(each, what)]]
                    for each in (way, ABSENT)
                )
                cells.append(f"{median(used):.0f} | {_ratio(used, base)}")
            lines.append(f"| {what} | {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratio(used: Sequence[float], base: Sequence[float]) -> str:
    ratios = paired_ratios(used, base)
    low, high = spread(ratios)
    return f"{median(ratios):.3f} ({low:.3f} .. {high:.3f})"


class _Collector(BaseHTTPRequestHandler):
    """Takes spans and forgets them."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_collector(folder: Path) -> Iterator[str]:
    """A collector in a process of its own, whose CPU time is not counted; its URL."""
    command = [sys.executable, "-m", "benchmarks.tracing_cost", "--collect", "{port}"]
    with running_server("collector", command, folder=folder, ready_path="/") as server:
        yield server.url


@click.command()
@click.option("--repetitions", type=click.IntRange(1), default=5)
@click.option("--seconds", type=click.FloatRange(1.0), default=2.0)
@click.option("--write", "writes", is_flag=True, help="Put the tables into NOTES.md.")
@click.option("--collect", type=int, hidden=True, help="Be the collector, on this port.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=ROOT / ".data" / "bench")
def main(repetitions: int, seconds: float, writes: bool, collect: int | None, data_dir: Path) -> None:
    """Measure, and print the tables."""
    if collect is not None:
        ThreadingHTTPServer(("127.0.0.1", collect), _Collector).serve_forever()
    load_before = os.getloadavg()[0]
    with running_stand(data_dir.absolute()) as stand, running_collector(stand.folder) as collector:
        starts = starts_table(start_times(stand.folder, repetitions))
        say(starts)
        bench = Bench(stand, Plan(repetitions, seconds, short=False, product_settings={}, against=BASELINE))
        measure(bench, collector)
        text = f"{circumstances(load_before)}\n\n{starts}\n\n{table(bench)}"
    say(f"\n{text}")
    if writes:
        write_section(NOTES, "tracing_cost", text)


if __name__ == "__main__":
    main()
