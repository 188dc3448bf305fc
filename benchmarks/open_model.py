"""Runs `reservation load`: requests arrive at a rate that does not depend on answers."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .bench import Bench
from .proc import tree_cpu_s
from .processes import Server, finish
from .records import BenchmarkFailed

USERS = 500
PROFILE = "mixed"
# A rate is sustained if this share is answered in time and the generator was not late.
LEAST_ANSWERED = 0.97
CONNECTIONS = 256  # as the kit's own default
OPERATIONS = ("hold", "confirm")


@dataclass(frozen=True, slots=True)
class Offered:
    """The result of an offered rate; latencies in ms from the intended arrival, by operation."""

    rate: float
    answered_per_s: float
    sustained: bool
    why_not: str
    count: int
    latency_ms: Mapping[str, Mapping[str, float]]
    generator_cpu_s: float
    goodput: float  # answers a second, without those of 503 and other failures
    accepted: Mapping[str, float]  # the kit's summary of their latencies
    overloaded: Mapping[str, float]  # the same of the refused: 503 with Retry-After
    errors: int  # the refused among them
    server_share: float  # of one core, over the time of the load; the audit's requests are included

    def worst_ms(self, percentile: str) -> float:
        """The higher one of holds and confirms."""
        return max(self.latency_ms[operation][percentile] for operation in OPERATIONS)


def offer(
    bench: Bench,
    server: Server,
    environment: Mapping[str, str],
    *,
    rate: float,
    seconds: float,
    seed: int,
    connections: int = CONNECTIONS,
    tolerated: float = 0.0,
) -> Offered:
    """Offer requests at a rate for some seconds; BenchmarkFailed if the audit finds a broken guarantee.

    `tolerated`: the share of errors with which the rate is still sustained.
    """
    path = bench.stand.folder / "offered.json"
    path.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "reservation", "load", "--url", server.url, "--profile", PROFILE),
        *("--rate", f"{rate:.1f}", "--duration", f"{seconds:.1f}", "--users", str(USERS), "--seed", str(seed)),
        *("--tokens", str(bench.stand.folder / "offered.tokens"), "--json", str(path)),
        *("--connections", str(connections)),
    ]
    before_s = tree_cpu_s(server.pid)
    output = finish(command, folder=bench.stand.folder, environment=environment)
    share = (tree_cpu_s(server.pid) - before_s) / seconds
    report = json.loads(path.read_text())
    return read(report, rate=rate, cpu_s=output.cpu_s, server_share=share, tolerated=tolerated)


def read(
    report: Mapping[str, Any], *, rate: float, cpu_s: float = 0.0, server_share: float = 0.0, tolerated: float = 0.0
) -> Offered:
    """Read the figures from the kit's report."""
    totals, generator = report["totals"], report["generator"]
    if not report["audit"]["clean"]:
        raise BenchmarkFailed(f"the load kit's audit found violations: {report['audit']}")
    share = totals["answered"] / max(totals["offered"], 1)
    in_time = totals["answered_per_s"] / max(totals["offered_per_s"], 1e-9)
    reasons = [
        *(f"{totals[name]} {name}" for name in ("errors", "dropped") if totals[name] > tolerated * totals["offered"]),
        *(["not all answered"] if min(share, in_time) < LEAST_ANSWERED else []),
        *(str(suspicion) for suspicion in generator["suspicions"]),
    ]
    good = sum(row["count"] for row in report["outcomes"] if 0 < row["status"] < 500)
    latency_ms = {
        operation: {
            percentile: float(report["latency"][operation][f"{percentile}_ms"]) for percentile in ("p50", "p99")
        }
        for operation in OPERATIONS
        if operation in report["latency"]
    }
    return Offered(
        rate=rate,
        answered_per_s=totals["answered_per_s"],
        sustained=not reasons,
        why_not="; ".join(reasons),
        count=totals["answered"],
        latency_ms=latency_ms,
        goodput=good / max(totals["answered"], 1) * totals["answered_per_s"],
        accepted=totals["accepted"],
        overloaded=totals["overloaded"],
        errors=totals["errors"] + totals["dropped"],
        generator_cpu_s=cpu_s,
        server_share=server_share,
    )
