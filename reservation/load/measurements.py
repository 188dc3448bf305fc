"""What a run measures: latency histograms by operation, a row a second, and the lateness of the generator itself."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hdrh.histogram import HdrHistogram

from .connection import Answer

HIGHEST_US = 3_600_000_000  # an hour; what is longer counts as an hour
DIGITS = 3  # significant digits of every value: within 0.1 %
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
# Faults that count as latencies, since a customer waited; and those of them where the request was never sent.
TIMEOUTS = {"timeout", "connect_timeout", "connection_wait_timeout"}
NEVER_SENT = {"connect_timeout", "connection_wait_timeout"}
LATE_MS = 5.0
LATE_SHARE = 0.1


class Timing(NamedTuple):
    """When a request was meant to go and when it was handled; instants of time.monotonic()."""

    intended: float
    handled: float


def is_overload(answer: Answer) -> bool:
    """Whether the service refused the request for its load, and said when to come back."""
    return answer.status == 503 and answer.code == "overloaded" and answer.header("Retry-After") is not None


class Histogram:
    """Latencies in microseconds, three significant digits, in bounded space."""

    def __init__(self) -> None:
        self._hdr = HdrHistogram(1, HIGHEST_US, DIGITS)
        self._sum_us = 0  # the library would walk all buckets for a mean

    def add(self, seconds: float) -> None:
        """Count a latency."""
        us = min(max(int(seconds * 1e6), 1), HIGHEST_US)
        self._hdr.record_value(us)
        self._sum_us += us

    @property
    def count(self) -> int:
        """How many were counted."""
        return int(self._hdr.get_total_count())

    def ms(self, percentile: float) -> float:
        """The latency that this percentage does not exceed; 0 without any."""
        return self.several_ms([percentile])[0]

    def several_ms(self, percentiles: Sequence[float]) -> list[float]:
        """The latencies at these percentiles, in one pass, which takes milliseconds."""
        if not self.count:
            return [0.0] * len(percentiles)
        found = self._hdr.get_percentile_to_value_dict(sorted(set(percentiles)))
        return [round(found[percentile] / 1000, 3) for percentile in percentiles]

    def summary(self) -> dict[str, float]:
        """count, mean_ms, min_ms, p50_ms, p90_ms, p99_ms, p99_9_ms, max_ms."""
        if not self.count:
            return {"count": 0}
        names = [f"p{percentile:g}_ms".replace(".", "_") for percentile in PERCENTILES]
        named = dict(zip(names, self.several_ms(PERCENTILES), strict=True))
        return {
            "count": self.count,
            "mean_ms": round(self._sum_us / self.count / 1000, 3),
            "min_ms": round(self._hdr.get_min_value() / 1000, 3),
            **named,
            "max_ms": round(self._hdr.get_max_value() / 1000, 3),
        }

    def distribution(self) -> list[tuple[float, float]]:
        """(percentile, milliseconds) at 0, 50, 75, 87.5, ... as far as there is data: each step halves the rest."""
        if not self.count:
            return []
        places, rest = [0.0], 0.5
        while rest * self.count >= 0.5 and len(places) < 40:
            places += [100 * (1 - rest), 100 * (1 - rest * 0.75)]
            rest /= 2
        places = sorted({round(place, 7) for place in places})
        return list(zip(places, self.several_ms(places), strict=True))

    def encode(self) -> str:
        """The whole histogram in HdrHistogram's V2 compressed, base64 format, for other tools."""
        return bytes(self._hdr.encode()).decode("ascii")


@dataclass(slots=True)
class Second:
    """What happened in one second of the run; latencies by the second in which they ended. Named as in the report."""

    offered: int = 0
    answered: int = 0
    refused: int = 0
    errors: int = 0
    dropped: int = 0
    in_flight: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    latest_ms: float = 0.0
    latencies_s: list[float] = field(default_factory=list)

    def close(self, in_flight: int) -> None:
        """Compute the percentiles and drop the latencies."""
        ordered = sorted(self.latencies_s)
        if ordered:
            self.p50_ms = round(ordered[(len(ordered) - 1) // 2] * 1000, 3)
            self.p99_ms = round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 3)
        self.latencies_s = []
        self.in_flight = in_flight


class Measurements:
    """Everything counted in a run; all instants are time.monotonic()'s, `started` that of its start."""

    def __init__(self) -> None:
        self.started = 0.0
        self.latency: dict[str, Histogram] = {}
        self.service: dict[str, Histogram] = {}
        self.all = Histogram()
        self.accepted, self.overloaded = Histogram(), Histogram()  # the latter: 503 `overloaded` with Retry-After
        self.outcomes: Counter[tuple[str, int, str]] = Counter()
        self.errors: Counter[str] = Counter()
        self.substituted: Counter[str] = Counter()
        self.lateness = Histogram()
        self.connection_wait = Histogram()
        self.seconds: list[Second] = []
        self.offered = self.answered = self.refused = self.dropped = 0
        self.last_answer_s = 0.0  # since the start
        self.queueing_is_expected = False  # customers of a drill share its connections and wait for them

    def second(self, at: float) -> Second:
        """The row of the second that an instant is in."""
        number = max(int(at - self.started), 0)
        while len(self.seconds) <= number:
            self.seconds.append(Second())
        return self.seconds[number]

    def offer(self, intended: float, handled: float) -> None:
        """Count an arrival, and how late the generator was for it."""
        self.offered += 1
        self.lateness.add(handled - intended)
        row = self.second(intended)
        row.offered += 1
        row.latest_ms = max(row.latest_ms, round((handled - intended) * 1000, 3))

    def drop(self, intended: float) -> None:
        """Count an arrival that was not sent, because too many were in flight."""
        self.dropped += 1
        self.second(intended).dropped += 1

    def count(self, name: str, answer: Answer, intended: float, ready: float, *, expected: bool) -> None:
        """Count an answer; the request was meant to go at `intended`, and waited for a connection from `ready` on."""
        status, code = answer.status, answer.code
        self.outcomes[name, status, code] += 1
        row = self.second(answer.ended_at)
        if not expected:
            self.errors[code or str(status)] += 1
            row.errors += 1
        if status:
            self.last_answer_s = max(self.last_answer_s, answer.ended_at - self.started)
            self.answered += 1
            row.answered += 1
            if status == 409:
                self.refused += 1
                row.refused += 1
        elif code not in TIMEOUTS:
            return  # no customer waited: an error, not a latency
        self.connection_wait.add(answer.sent_at - ready)
        elapsed_s = answer.ended_at - intended
        if name not in self.latency:
            self.latency[name], self.service[name] = Histogram(), Histogram()
        self.latency[name].add(elapsed_s)
        if status or code not in NEVER_SENT:
            self.service[name].add(answer.ended_at - answer.sent_at)
        self.all.add(elapsed_s)
        (self.overloaded if is_overload(answer) else self.accepted).add(elapsed_s)
        row.latencies_s.append(elapsed_s)

    @property
    def suspicions(self) -> list[str]:
        """Why the figures may be those of the generator and not of the service; empty for a sound run."""
        bound_ms = max(LATE_MS, LATE_SHARE * self.all.ms(99.0))
        found: list[str] = []
        waits = {"late": self.lateness}
        if not self.queueing_is_expected:
            waits["short of connections"] = self.connection_wait
        for what, histogram in waits.items():
            p99_ms, max_ms = histogram.several_ms([99.0, 100.0])
            if p99_ms > bound_ms:
                found.append(f"the generator was {what} by p99 {p99_ms:,.1f} ms (max {max_ms:,.1f} ms)")
        if self.dropped:
            found.append(f"{self.dropped:,} arrivals were dropped: too many requests were in flight")
        return found
