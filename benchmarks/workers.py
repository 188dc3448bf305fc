"""python -m benchmarks.workers [--repetitions N] [--seconds S] [--write]: CPU time a cycle with 1, 2, 4 and 8 workers.

All four services run at once and are loaded in turn, so that changes of the machine affect all of them alike. A ratio
is computed for each repetition, to its run with one worker; the goal is a median of less than 1.1. Beside
it stands the mean size of the batches of holds and confirms, which the service counts. There are two tables: the same
load for all, and a load in proportion to the workers. `--write` puts them into CAPACITY.md.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
from prometheus_client.parser import text_string_to_metric_families

from .bench import Bench, Plan, say
from .processes import Server, get
from .ratios import median, paired_ratios, spread
from .sections import circumstances, write_section
from .stand import running_stand
from .templates import empty_template
from .versions import BASELINE, ROOT
from .walks import Walk

CAPACITY = Path(__file__).parent / "CAPACITY.md"
WORKERS = (1, 2, 4, 8)
CONNECTIONS = 64
WARM_UP_S = 2.0
PUBLISHED_S = 1.2  # so long a worker's counts may take to be seen by another one
GOAL = 1.1
PROCESSES = ("server", "postgresql", "redis")
BATCHES = ("holds", "confirms")


@dataclass(slots=True)
class Fleet:
    """Services with different numbers of workers, and the mean size of their batches in each run by contestant."""

    bench: Bench
    servers: dict[int, Server] = field(default_factory=dict)
    walks: dict[int, Walk] = field(default_factory=dict)
    batch_sizes: dict[str, list[float]] = field(default_factory=dict)

    def drive(self, workers: int, connections: int = CONNECTIONS) -> None:
        """Load one of them once, and keep the sample."""
        name, server = contestant(workers, connections), self.servers[workers]
        items, batches = _batches(server)
        self.walks[workers].drive(self.bench, name, server, "cycles", connections=connections, unit="confirmed")
        items_then, batches_then = _batches(server)
        self.batch_sizes.setdefault(name, []).append((items_then - items) / (batches_then - batches))


@contextmanager
def running_fleet(bench: Bench, numbers: Sequence[int]) -> Iterator[Fleet]:
    """Run a service for each number of workers, warmed up; at the end every answered confirm is checked."""
    stand, fleet = bench.stand, Fleet(bench)
    template = empty_template(stand)
    with ExitStack() as stack:
        for number, workers in enumerate(numbers):
            walk = fleet.walks[workers] = Walk(stand, stand.database(f"bench_workers_{workers}", template))
            service = bench.product(
                f"product-{workers}-workers",
                database=walk.database,
                redis_url=stand.redis_url(number),
                workers=workers,
                settings={"REDIS_WAIT_MILLISECONDS": "2000"},  # more processes than cores: Redis may wait for its turn
            )
            fleet.servers[workers] = stack.enter_context(service)
        for workers, walk in fleet.walks.items():
            walk.drive(
                bench,
                contestant(workers),
                fleet.servers[workers],
                "cycles",
                connections=CONNECTIONS,
                seconds=WARM_UP_S,
                keep=False,
            )
        yield fleet
    for walk in fleet.walks.values():
        walk.check()


def contestant(workers: int, connections: int = CONNECTIONS) -> str:
    """The name of a run."""
    return f"cycles, {workers} worker{'s' * (workers > 1)}, {connections} connections"


def table(fleet: Fleet, names: Mapping[int, str]) -> str:
    """A row for each number of workers: CPU microseconds a cycle by process, and what all use against one worker."""
    samples = {workers: fleet.bench.records.samples[name] for workers, name in names.items()}
    used = {
        workers: {name: [sample.cpu_us[name] for sample in each] for name in PROCESSES}
        for workers, each in samples.items()
    }
    totals = {
        workers: [sum(parts) for parts in zip(*by_process.values(), strict=True)]
        for workers, by_process in used.items()
    }
    lines = [
        f"| workers | cycles a second | batch | {' | '.join(f'{name}, us' for name in PROCESSES)} | all / one worker |",
        "|---|---|---|---|---|---|---|",
    ]
    for workers, each in samples.items():
        ratios = paired_ratios(totals[workers], totals[1])
        low, high = spread(ratios)
        cpu = " | ".join(f"{median(used[workers][name]):.0f}" for name in PROCESSES)
        verdict = "" if workers == 1 else ", reached" if median(ratios) < GOAL else ", **missed**"
        growth = f"{median(ratios):.3f} ({low:.3f} .. {high:.3f}){verdict}"
        rate, size = median([sample.rate for sample in each]), median(fleet.batch_sizes[names[workers]])
        lines.append(f"| {workers} | {rate:,.0f} | {size:.1f} | {cpu} | {growth} |")
    return "\n".join(lines)


def _batches(server: Server) -> tuple[float, float]:
    """How many holds and confirms went through batches so far, and how many batches that were."""
    time.sleep(PUBLISHED_S)
    _, text = get(f"{server.url}/metrics")
    totals = defaultdict[str, float](float)
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            if sample.labels.get("batch") in BATCHES:
                totals[sample.name] += sample.value
    return totals["reservation_batch_items_sum"], totals["reservation_batch_items_count"]


@click.command()
@click.option("--repetitions", type=click.IntRange(1), default=5)
@click.option("--seconds", type=click.FloatRange(1.0), default=4.0)
@click.option("--write", "writes", is_flag=True, help="Put the tables into CAPACITY.md.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=ROOT / ".data" / "bench")
def main(repetitions: int, seconds: float, writes: bool, data_dir: Path) -> None:
    """Measure, and print the table."""
    load_before = os.getloadavg()[0]
    with running_stand(data_dir.absolute()) as stand:
        bench = Bench(stand, Plan(repetitions, seconds, short=False, product_settings={}, against=BASELINE))
        with running_fleet(bench, WORKERS) as fleet:
            for _ in bench.repetitions():
                for workers in WORKERS:
                    fleet.drive(workers)
                for workers in WORKERS[1:]:
                    fleet.drive(workers, CONNECTIONS * workers)
        one_load = table(fleet, {workers: contestant(workers) for workers in WORKERS})
        growing_load = table(fleet, {workers: contestant(workers, CONNECTIONS * workers) for workers in WORKERS})
        text = (
            f"{circumstances(load_before)}\n\n{CONNECTIONS} connections in all:\n\n{one_load}\n\n"
            f"{CONNECTIONS} connections a worker:\n\n{growing_load}"
        )
    say(f"\n{text}")
    if writes:
        write_section(CAPACITY, "workers", text)


if __name__ == "__main__":
    main()
