"""Counters, histograms and gauges as plain numbers; exposition.py gives them to Prometheus once a second.

The counters of prometheus_client take a lock and a write to shared memory each. It is not imported here, since
the supervisor, which must not import it, imports modules that count.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

Key: TypeAlias = str | tuple[str, ...]  # the value of the one label, or of each label
Merge: TypeAlias = Literal["livesum", "livemax", "max"]  # of several workers; live: without those that have ended

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metric:
    """The name without the suffix of its kind, what is measured, and the names of the labels."""

    defined: list["Metric"] = []  # noqa: RUF012 - of all modules, in the order of their import

    def __init__(self, name: str, meaning: str, labels: Sequence[str]) -> None:
        self.name, self.meaning, self.labels = name, meaning, tuple(labels)
        Metric.defined.append(self)


class Counter(Metric):
    """A count since the last publish: `counter.value += 1`."""

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__(name, meaning, ())
        self.value: float = 0


class CounterBy(Metric):
    """A count for each value of the labels: `counter.counts["given_up"] += 1`; those of `known` begin with zero."""

    def __init__(self, name: str, meaning: str, *labels: str, known: Iterable[Key] = ()) -> None:
        super().__init__(name, meaning, labels)
        self.counts: defaultdict[Key, float] = defaultdict(float, dict.fromkeys(known, 0.0))


class Buckets:
    """Observations since the last publish, by their upper bounds; the last bucket has none."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count an observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def take(self) -> tuple[list[int], float]:
        """The counts and the sum, which begin at zero again."""
        taken = self.counts, self.total
        self.counts, self.total = [0] * len(self.counts), 0.0
        return taken


class HistogramBy(Metric):
    """A histogram for each value of the labels; whoever observes often keeps its Buckets."""

    def __init__(self, name: str, meaning: str, *labels: str, bounds: tuple[float, ...] = SECONDS) -> None:
        super().__init__(name, meaning, labels)
        self.bounds = bounds
        self.by: dict[Key, Buckets] = {}

    def of(self, key: Key) -> Buckets:
        """The buckets of these labels."""
        buckets = self.by.get(key)
        if buckets is None:
            buckets = self.by[key] = Buckets(self.bounds)
        return buckets


class Histogram(HistogramBy):
    """One histogram."""

    def __init__(self, name: str, meaning: str, bounds: tuple[float, ...] = SECONDS) -> None:
        super().__init__(name, meaning, bounds=bounds)
        self.observe = self.of(()).observe


class Gauge(Metric):
    """A value that is read when it is published; `merge` says what several workers make of theirs."""

    def __init__(self, name: str, meaning: str, merge: Merge = "livesum") -> None:
        super().__init__(name, meaning, ())
        self.merge = merge
        self.read: Callable[[], float] = _zero


class GaugeBy(Metric):
    """A value for each value of the labels: `gauge.values["delete_idempotency_keys"] = time()`; or `read` gives all."""

    def __init__(self, name: str, meaning: str, *labels: str, merge: Merge = "livesum") -> None:
        super().__init__(name, meaning, labels)
        self.merge = merge
        self.values: dict[Key, float] = {}
        self.read: Callable[[], Mapping[Key, float]] = lambda: self.values


def _zero() -> float:
    return 0.0
