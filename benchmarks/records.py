"""The samples of a run by contestant, and the figures that have a goal."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from .ratios import median, paired_ratios, spread

# The two charts, and what the names of the throughput chart's samples begin with.
THROUGHPUT, LATENCY = "throughput", "latency"
SWEPT = "sweep: "

Kind = Literal["ratio", "latency", "rate", "growth", "cpu", "memory"]
LOWER_IS_BETTER = frozenset({"latency", "growth", "cpu", "memory"})


class BenchmarkFailed(Exception):
    """A contestant could not be started, or answered wrongly; the message ends with the tail of its log."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one contestant: `rate` units a second, CPU microseconds a unit by process, latencies in ms."""

    rate: float
    count: int
    cpu_us: Mapping[str, float]
    latency_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with a goal: the value of each repetition, and the limit.

    A ratio and a rate (per second) should be high; a growth, a latency (ms), CPU time (us a unit) and memory (bytes a
    unit) should be low.
    """

    title: str
    kind: Kind
    asked: float
    aim: float
    readings: Sequence[float]

    @property
    def reached(self) -> float:
        """The median over the repetitions."""
        return median(self.readings)

    @property
    def verdict(self) -> str:
        """Whether the goal is reached."""
        return next(
            (word for word, limit in (("aim reached", self.aim), ("reached", self.asked)) if self._meets(limit)),
            "missed",
        )

    def _meets(self, limit: float) -> bool:
        return self.reached <= limit if self.kind in LOWER_IS_BETTER else self.reached >= limit


@dataclass(slots=True)
class Records:
    """All measurements of a run so far."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: dict[str, list[Sequence[str]]] = field(default_factory=dict)  # by heading; the first row is the head
    curves: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)

    def add(self, contestant: str, sample: Sample) -> None:
        """Store a contestant's sample; the first is repetition 1."""
        self.samples.setdefault(contestant, []).append(sample)

    def rates(self, contestant: str) -> list[float]:
        """A contestant's rate, repetition by repetition."""
        return [sample.rate for sample in self.samples[contestant]]

    def ask_ratio(self, title: str, *, of: str, to: str, asked: float, aim: float) -> None:
        """Set a goal for the ratio of two contestants' rates, measured back to back."""
        readings = paired_ratios(self.rates(of), self.rates(to))
        self.figures.append(Figure(title, "ratio", asked, aim, readings))

    def ask_cpu(self, title: str, contestant: str, process: str, *, asked: float, aim: float) -> None:
        """Set a goal for the CPU microseconds a unit of one kind of process."""
        readings = [sample.cpu_us[process] for sample in self.samples[contestant]]
        self.figures.append(Figure(title, "cpu", asked, aim, readings))

    def ask_p99(self, title: str, contestant: str, *, asked: float, aim: float) -> None:
        """Set a goal for the p99 in ms."""
        readings = [sample.latency_ms["p99"] for sample in self.samples[contestant]]
        self.figures.append(Figure(title, "latency", asked, aim, readings))

    def note_ratio(self, title: str, *, of: str, to: str) -> None:
        """Record the ratio of two contestants' rates, without a goal."""
        self._note(title, paired_ratios(self.rates(of), self.rates(to)))

    def note_cpu_ratio(self, title: str, process: str, *, of: str, to: str) -> None:
        """Record the ratio of the CPU time that two contestants take of one kind of process, without a goal."""
        above, below = ([sample.cpu_us[process] for sample in self.samples[name]] for name in (of, to))
        self._note(title, paired_ratios(above, below))

    def _note(self, title: str, ratios: Sequence[float]) -> None:
        low, high = spread(ratios)
        self.notes.append(f"Not asked for: {title}: {median(ratios):.3g}x ({low:.3g} .. {high:.3g}).")

    def curve(self, chart: str, series: str) -> list[tuple[float, float]]:
        """The points of a chart's line, to append to; points with the same x are repetitions."""
        return self.curves.setdefault(chart, {}).setdefault(series, [])

    def as_json(self) -> dict[str, object]:
        """Everything, for results.json."""
        return {
            "samples": {name: [asdict(sample) for sample in samples] for name, samples in self.samples.items()},
            "figures": [
                {**asdict(figure), "reached": figure.reached, "verdict": figure.verdict} for figure in self.figures
            ],
            "tables": self.tables,
            "curves": self.curves,
            "notes": self.notes,
        }
