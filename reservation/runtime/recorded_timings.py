"""Timings that also keep when each wait began and ended, for the spans of a trace; they exist while tracing is on."""

from time import perf_counter
from typing import Any, NamedTuple

from .load_shedding import FREE, AnyGate
from .timing import Timings
from .trace_context import TRACE

MOST_WAITS = 128  # of one request: a stream may last for hours
BATCH = "batch"


class Wait(NamedTuple):
    """A wait for "pool", "postgresql", "redis" or "batch"; its times are those of `perf_counter`."""

    kind: str
    started: float
    ended: float


def _recorded(kind: str) -> Any:
    """A property for one of the sums: where it grows, a wait of that length has ended now."""
    slot = Timings.__dict__[kind]

    def read(self: "RecordedTimings") -> float:
        total: float = slot.__get__(self)
        return total

    def write(self: "RecordedTimings", total_ms: float) -> None:
        waited_ms = total_ms - slot.__get__(self)
        slot.__set__(self, total_ms)
        if waited_ms > 0 and len(self.waits) < MOST_WAITS:
            now = perf_counter()
            self.waits.append(Wait(kind, now - waited_ms / 1000, now))

    return property(read, write)


class RecordedTimings(Timings):
    """As Timings; `waits` are in the order of their ends."""

    __slots__ = ("started", "waits")

    def __init__(self, gate: AnyGate = FREE) -> None:
        self.started = perf_counter()
        self.waits: list[Wait] = []
        for kind in ("pool", "postgresql", "redis"):
            Timings.__dict__[kind].__set__(self, 0.0)  # from here on the properties can be read
        super().__init__(gate=gate)

    pool = _recorded("pool")
    postgresql = _recorded("postgresql")
    redis = _recorded("redis")

    def add(self, batch: Timings, waited_s: float = 0.0) -> None:
        """Add the waits of a batch as they were, and before them the wait for it."""
        own, self.waits = self.waits, []
        super().add(batch, waited_s)
        self.waits = own
        if isinstance(batch, RecordedTimings) and len(own) < MOST_WAITS:
            if waited_s:
                own.append(Wait(BATCH, batch.started - waited_s, batch.started))
            own += batch.waits


def timings_of_trace(gate: AnyGate = FREE) -> Timings:
    """Timings of a request or a batch while tracing is on; a request that is not sampled has the sums alone."""
    trace = TRACE.get()
    return Timings(gate=gate) if trace is not None and not trace.is_sampled else RecordedTimings(gate)
