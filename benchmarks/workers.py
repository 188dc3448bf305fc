"""python -m benchmarks.workers [--repetitions N] [--seconds S]: CPU time a cycle with 1, 2, 4 and 8 workers.

All four services run at once and are loaded in turn, so that changes of the machine affect all of them alike. A ratio
is computed for each repetition, to the run with one worker just before; the goal is a median of less than 1.1.
"""

from contextlib import ExitStack
from pathlib import Path

import click

from .bench import Bench, Plan, say
from .ratios import median, paired_ratios, spread
from .stand import running_stand
from .templates import empty_template
from .versions import BASELINE, ROOT
from .walks import Walk

WORKERS = (1, 2, 4, 8)
CONNECTIONS = 64
WARM_UP_S = 2.0
GOAL = 1.1
PROCESSES = ("server", "postgresql", "redis")


def measure(bench: Bench) -> None:
    """Load the services in turn, and keep a sample of each for each repetition."""
    stand = bench.stand
    template = empty_template(stand)
    walks = {workers: Walk(stand, stand.database(f"bench_workers_{workers}", template)) for workers in WORKERS}
    with ExitStack() as stack:
        servers = {
            workers: stack.enter_context(
                bench.product(
                    f"product-{workers}-workers",
                    database=walk.database,
                    redis_url=stand.redis_url(number),
                    workers=workers,
                )
            )
            for number, (workers, walk) in enumerate(walks.items())
        }
        for workers, walk in walks.items():
            walk.drive(
                bench,
                contestant(workers),
                servers[workers],
                "cycles",
                connections=CONNECTIONS,
                seconds=WARM_UP_S,
                keep=False,
            )
        for _ in bench.repetitions():
            for workers, walk in walks.items():
                walk.drive(
                    bench, contestant(workers), servers[workers], "cycles", connections=CONNECTIONS, unit="confirmed"
                )
    for walk in walks.values():
        walk.check()


def contestant(workers: int) -> str:
    """The name of a run."""
    return f"cycles, {workers} worker{'s' * (workers > 1)}"


def table(bench: Bench) -> str:
    """A row for each number of workers: CPU microseconds a cycle by process, and what all use against one worker."""
    samples = {workers: bench.records.samples[contestant(workers)] for workers in WORKERS}
    used = {
        workers: {name: [sample.cpu_us[name] for sample in each] for name in PROCESSES}
        for workers, each in samples.items()
    }
    totals = {
        workers: [sum(parts) for parts in zip(*by_process.values(), strict=True)]
        for workers, by_process in used.items()
    }
    lines = [
        f"| workers | cycles a second | {' | '.join(f'{name}, us a cycle' for name in PROCESSES)} | all / one worker |",
        "|---|---|---|---|---|---|",
    ]
    for workers, each in samples.items():
        ratios = paired_ratios(totals[workers], totals[1])
        low, high = spread(ratios)
        cpu = " | ".join(f"{median(used[workers][name]):.0f}" for name in PROCESSES)
        verdict = "reached" if median(ratios) < GOAL else "**missed**"
        growth = f"{median(ratios):.3f} ({low:.3f} .. {high:.3f}), {verdict}"
        lines.append(f"| {workers} | {median([sample.rate for sample in each]):,.0f} | {cpu} | {growth} |")
    return "\n".join(lines)


@click.command()
@click.option("--repetitions", type=click.IntRange(1), default=5)
@click.option("--seconds", type=click.FloatRange(1.0), default=5.0)
@click.option("--data-dir", type=click.Path(path_type=Path), default=ROOT / ".data" / "bench")
def main(repetitions: int, seconds: float, data_dir: Path) -> None:
    """Measure, and print the table."""
    with running_stand(data_dir.absolute()) as stand:
        bench = Bench(stand, Plan(repetitions, seconds, short=False, product_settings={}, against=BASELINE))
        measure(bench)
        say(f"\n{table(bench)}")


if __name__ == "__main__":
    main()
