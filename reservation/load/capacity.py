"""The search for the capacity: the arrival rate rises in steps until one is not sustained, then the gap is bisected."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .engine import Engine
from .limits import limit_lines
from .reports.report import run_figures
from .thresholds import Threshold, threshold_lines

PILED_UP_S = 1.0  # the last answer comes later than that after the last arrival: more arrives than is answered
TRIES = 2  # of a rate that is not sustained: a single stall is not the capacity
LOWEST_RATE = 0.5


@dataclass(slots=True)
class Search:
    """Which rate to try next; rates are requests a second."""

    start: float
    growth: float  # factor from one step to the next
    highest: float
    precision: float  # the search ends when the lowest rate that failed is at most this share above the sustained one
    sustained: float = 0.0
    failed: float = math.inf
    failures: int = 0  # in a row, of the rate that was tried last
    tried: float = 0.0

    def next_rate(self) -> float | None:
        """The rate of the next step; None at the end of the search."""
        if self.failures % TRIES:
            return self.tried
        if math.isinf(self.failed):
            rate = min(self.sustained * self.growth or self.start, self.highest)
            return rate if rate > self.sustained else None
        if not self.sustained:
            rate = self.failed / self.growth
            return rate if rate >= LOWEST_RATE else None
        return math.sqrt(self.sustained * self.failed) if self.failed > self.sustained * (1 + self.precision) else None

    def record(self, rate: float, *, is_sustained: bool) -> None:
        """Record the outcome of a step."""
        self.tried = rate
        self.failures = 0 if is_sustained else self.failures + 1
        if is_sustained:
            self.sustained = rate
        elif self.failures % TRIES == 0:
            self.failed = rate


def step_of(engine: Engine, thresholds: Sequence[Threshold]) -> dict[str, Any]:
    """A step's part of the report; `limited_by` are the reasons why its rate is not sustained, none if it is."""
    figures, latency = run_figures(engine), engine.measurements.all.summary()
    totals = figures["totals"]
    latencies = {name: histogram.summary() for name, histogram in engine.measurements.latency.items()}
    checked = [each.check({**figures, "latency": {**latencies, "all": latency}}) for each in thresholds]
    reasons = [
        line.removeprefix("FAILED: ") for line in threshold_lines(each for each in checked if not each["passed"])
    ]
    late_s = engine.measurements.last_answer_s - engine.plan.duration_s
    if late_s > PILED_UP_S:
        reasons.append(f"requests piled up: the last was answered {late_s:,.1f} s after the last arrival")
    if engine.bookings.sold_out_at_s is not None:
        reasons.append("no seat was left: raise --showtimes, or seed more")
    reasons += limit_lines(engine.bookings.limits.refused)
    if reasons:  # a late generator makes latencies longer: it may be why a threshold is missed, and not why it is kept
        reasons += engine.measurements.suspicions
    return {
        "rate": round(engine.plan.rate, 1),
        "offered_per_s": totals["offered_per_s"],
        "answered_per_s": totals["answered_per_s"],
        "errors": totals["errors"],
        "p50_ms": latency.get("p50_ms", 0.0),
        "p99_ms": latency.get("p99_ms", 0.0),
        "sustained": not reasons,
        "limited_by": reasons,
    }


def capacity_figures(best: Engine, steps: Sequence[dict[str, Any]], search: Search) -> dict[str, Any]:
    """What only the report of a search has; its latencies and totals are those of the best step."""
    figures = run_figures(best)
    failed = [step for step in steps if not step["sustained"]]
    lowest = min(failed, key=lambda step: float(step["rate"]), default=None)
    figures["totals"] |= {
        "capacity_per_s": round(search.sustained, 1),
        "failed_per_s": None if math.isinf(search.failed) else round(search.failed, 1),
        "limited_by": ["the highest rate that was to be tried"] if lowest is None else lowest["limited_by"],
    }
    return {**figures, "steps": list(steps)}
