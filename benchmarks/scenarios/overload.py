"""Overload: one, two and three times the peak in the open model; what is answered, what is refused, and how fast.

The service and its stores share one half of the machine's CPUs, and the generator has the other: three times the peak
of a service with a core of its own would be more than the generator can offer.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..bench import Bench, say
from ..open_model import Offered, offer
from ..proc import pin_tree
from ..records import Figure
from ..report import number
from ..templates import empty_template
from .latency import find_peak

WORKERS = 1
SETTINGS = {"QUEUE_DELAY_MS": "100"}  # the default
TIMES = (1, 2, 3)
MOST = TIMES[-1]
# The service adapts its limits to what it has measured, and refuses some of the first requests after its start.
WARM_UP_RATE, WARM_UP_S = 200.0, 5.0
FIRST_RATE = 400.0  # with a core for itself and its stores the service answers fewer than elsewhere
TOLERATED = 0.01  # a pause of the machine has a few requests refused at any rate
MEASURE_TIMES = 4  # longer than other runs: the first tenths of a second, in which the limits adapt, are part of it
MAX_REPETITIONS = 2
CONNECTIONS = 4_000  # so that no request waits for one
HEADING = "Overload"
HEAD = (
    "offered / peak",
    "offered, /s",
    "accepted, /s",
    "refused, /s",
    "goodput / peak",
    "accepted p50, ms",
    "accepted p99, ms",
    "refused p99, ms",
    "other errors",
)


def run(bench: Bench) -> None:
    """Find the peak, then offer multiples of it."""
    stand = bench.stand
    database = stand.database("bench_overload", empty_template(stand))
    redis_url = stand.redis_url(0)
    environment = stand.settings(database_url=stand.database_url(database), redis_url=redis_url)
    (stand.folder / "offered.tokens").unlink(missing_ok=True)
    results: dict[int, list[Offered]] = {times: [] for times in TIMES}
    with (
        _own_cpus([stand.postgres_pid, stand.valkey_pid]) as service_cpus,
        bench.product(
            "product-overload", database=database, redis_url=redis_url, workers=WORKERS, settings=SETTINGS
        ) as server,
    ):
        pin_tree(server.pid, service_cpus)
        offer(bench, server, environment, rate=WARM_UP_RATE, seconds=WARM_UP_S, seed=1, connections=CONNECTIONS)
        peak = find_peak(bench, server, environment, first_rate=FIRST_RATE, tolerated=TOLERATED)
        say(f"  {peak}")
        for repetition in range(1, min(bench.plan.repetitions, MAX_REPETITIONS) + 1):
            for times in TIMES if repetition == 1 else (MOST,):
                offered = offer(
                    bench,
                    server,
                    environment,
                    rate=peak.rate * times,
                    seconds=MEASURE_TIMES * bench.plan.seconds,
                    seed=repetition,
                    connections=CONNECTIONS,
                )
                results[times].append(offered)
                say(f"  {' | '.join(_row(times, peak.rate, offered))}  {offered.why_not}")
    rows = [_row(times, peak.rate, offered) for times, runs in results.items() for offered in runs]
    bench.records.tables[HEADING] = [HEAD, *rows]
    bench.records.notes.append(f"Overload: {peak}")
    _ask(bench, peak.rate, results[MOST])


@contextmanager
def _own_cpus(stores: Sequence[int]) -> Iterator[frozenset[int]]:
    """Keep the generator, which inherits this process's CPUs, off those of the service and its stores; yield those.

    On a machine with one CPU they share it.
    """
    cpus = sorted(os.sched_getaffinity(0))
    service = frozenset(cpus[: max(1, len(cpus) // 2)])
    generator = frozenset(cpus) - service or service
    for pid in stores:
        pin_tree(pid, service)
    os.sched_setaffinity(0, generator)
    try:
        yield service
    finally:
        os.sched_setaffinity(0, cpus)
        for pid in stores:
            pin_tree(pid, frozenset(cpus))


def _ask(bench: Bench, peak: float, most: Sequence[Offered]) -> None:
    figures = bench.records.figures
    figures.append(Figure("goodput at 3x the peak / peak", "ratio", 0.9, 1.0, [each.goodput / peak for each in most]))
    for title, asked, found in (
        ("p99 of the accepted at 3x the peak", 250, [each.accepted["p99_ms"] for each in most]),
        ("p99 of the refused at 3x the peak", 100, [each.overloaded.get("p99_ms", 0.0) for each in most]),
    ):
        figures.append(Figure(title, "latency", asked, asked / 2, found))


def _row(times: int, peak: float, offered: Offered) -> tuple[str, ...]:
    refused = offered.overloaded["count"]
    seconds = offered.count / max(offered.answered_per_s, 1e-9)
    return (
        f"{times}x",
        number(offered.rate),
        number(offered.goodput),
        number(refused / seconds),
        number(offered.goodput / peak),
        number(offered.accepted.get("p50_ms", 0.0)),
        number(offered.accepted.get("p99_ms", 0.0)),
        number(offered.overloaded.get("p99_ms", 0.0)),
        number(offered.errors - refused),
    )
