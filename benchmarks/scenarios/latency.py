"""Latency of holds and confirms at 70 % of the load that the product sustains, in the open model."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..bench import Bench, Run, say
from ..open_model import OPERATIONS, Offered, offer
from ..processes import Server
from ..records import LATENCY, BenchmarkFailed, Figure
from ..templates import empty_template

# The generator needs a core of its own.
WORKERS = 1
FIRST_RATE = 800.0
HIGHEST_RATE = 50_000.0
BISECTIONS = 3
PROBE_S = 3.0
MEASURE_TIMES = 3  # longer than other runs: a p99 needs many requests
SHARE = 0.7
SHARES_PLOTTED = (0.1, 0.4, 1.0)
CONTESTANT = "product, open model at 70 % of peak"


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest rate that was sustained, what the server used of a core there, and what went wrong beyond."""

    rate: float
    server_share: float = 0.0
    beyond: float = 0.0
    why_not: str = ""

    def __str__(self) -> str:
        ended = f"; at {self.beyond:,.0f}: {self.why_not}" if self.beyond else ""
        return (
            f"Peak of the open model: {self.rate:,.0f} requests a second offered and sustained, with the server at "
            f"{self.server_share:.0%} of a core (the audit's requests among them){ended}."
        )


def run(bench: Bench) -> None:
    """Find the highest rate that is sustained, then measure at 70 % of it, and along the way up to it."""
    stand = bench.stand
    database = stand.database("bench_latency", empty_template(stand))
    redis_url = stand.redis_url(0)
    environment = stand.settings(database_url=stand.database_url(database), redis_url=redis_url)
    (stand.folder / "offered.tokens").unlink(missing_ok=True)
    with bench.product("product-latency", database=database, redis_url=redis_url, workers=WORKERS) as server:
        peak = find_peak(bench, server, environment)
        for number in bench.repetitions():
            _measure(bench, server, environment, peak.rate * SHARE, number)
        for share in SHARES_PLOTTED:
            _show(bench, _offer(bench, server, environment, peak.rate * share, seed=1))
    records = bench.records
    records.notes.append(str(peak))
    for operation in OPERATIONS:
        p99 = [sample.latency_ms[f"{operation} p99"] for sample in records.samples[CONTESTANT]]
        records.figures.append(Figure(f"p99 of a {operation} at 70 % of peak offered load", "latency", 15, 10, p99))


def find_peak(
    bench: Bench,
    server: Server,
    environment: Mapping[str, str],
    *,
    first_rate: float = FIRST_RATE,
    tolerated: float = 0.0,
) -> Peak:
    """Double the rate until it is too much, then halve the interval a few times.

    A rate is not too much for errors of up to the share `tolerated`. BenchmarkFailed if all are too much.
    """
    good, bad = 0.0, 0.0
    rate, share, why_not = first_rate, 0.0, ""
    while not bad and rate < HIGHEST_RATE:
        # Repeat a failure on the way up: a short pause of the machine would count as the peak.
        offered = _offer(bench, server, environment, rate, seed=1, tolerated=tolerated)
        if not offered.sustained:
            offered = _offer(bench, server, environment, rate, seed=2, tolerated=tolerated)
        if offered.sustained:
            good, share, rate = rate, offered.server_share, rate * 2
        else:
            bad, why_not = rate, offered.why_not
    for _ in range(BISECTIONS if bad else 0):
        middle = (good + bad) / 2
        offered = _offer(bench, server, environment, middle, seed=1, tolerated=tolerated)
        if offered.sustained:
            good, share = middle, offered.server_share
        else:
            bad, why_not = middle, offered.why_not
    if not good:
        raise BenchmarkFailed(f"even {bad:,.0f} requests a second are too much: {why_not}")
    return Peak(good, share, bad, why_not)


def _offer(
    bench: Bench, server: Server, environment: Mapping[str, str], rate: float, *, seed: int, tolerated: float = 0.0
) -> Offered:
    offered = offer(bench, server, environment, rate=rate, seconds=PROBE_S, seed=seed, tolerated=tolerated)
    verdict = "sustained" if offered.sustained else f"too much: {offered.why_not}"
    answered, p99_ms = offered.answered_per_s, offered.worst_ms("p99")
    say(
        f"  {rate:,.0f}/s offered, {answered:,.0f}/s answered, p99 {p99_ms:.1f} ms, "
        f"server {offered.server_share:.0%} of a core: {verdict}"
    )
    return offered


def _measure(bench: Bench, server: Server, environment: Mapping[str, str], rate: float, number: int) -> None:
    def run() -> Run:
        offered = offer(bench, server, environment, rate=rate, seconds=MEASURE_TIMES * bench.plan.seconds, seed=number)
        latencies = {
            f"{operation} {percentile}": value
            for operation, found in offered.latency_ms.items()
            for percentile, value in found.items()
        }
        worst = {percentile: offered.worst_ms(percentile) for percentile in ("p50", "p99")}
        return Run(
            offered.answered_per_s, offered.count, {"generator": offered.generator_cpu_s}, {**latencies, **worst}
        )

    bench.measure(CONTESTANT, run, pids={"server": server.pid})


def _show(bench: Bench, offered: Offered) -> None:
    for operation, found in offered.latency_ms.items():
        for percentile, value in found.items():
            bench.records.curve(LATENCY, f"{operation} {percentile}").append((offered.rate, value))
