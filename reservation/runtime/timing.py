"""How long a request waited for the pool, PostgreSQL and Redis, and whether it has committed anything."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Literal

from .load_shedding import FREE, AnyGate

Span = Literal["pool", "postgresql", "redis"]


@dataclass(slots=True)
class Timings:
    """Milliseconds that a request or a batch waited, and how many of its transactions were committed.

    `gate` is that of the request; a batch, which works for several, has none. `away_s`: how long the request has been
    outside of it.
    """

    pool: float = 0.0
    postgresql: float = 0.0
    redis: float = 0.0
    commits: int = 0
    gate: AnyGate = FREE
    away_s: float = 0.0

    def add(self, batch: "Timings", waited_s: float = 0.0) -> None:
        """Add the waits of a batch, and the time that was waited for it, which counts as a wait for the pool."""
        self.pool += batch.pool + waited_s * 1000
        self.postgresql += batch.postgresql
        self.redis += batch.redis

    def in_ms(self, total_s: float) -> tuple[str, str, str, str]:
        """Pool, PostgreSQL, Redis and the total in milliseconds, as text with two decimals."""
        total = _in_ms(total_s * 1000)
        if self.pool or self.postgresql or self.redis:
            return _in_ms(self.pool), _in_ms(self.postgresql), _in_ms(self.redis), total
        return "0.00", "0.00", "0.00", total

    def count(self, span: Span, seconds: float) -> None:
        """Add one wait."""
        setattr(self, span, getattr(self, span) + seconds * 1000)


def _in_ms(value: float) -> str:
    return _hundredths(round(value * 100))


@lru_cache(maxsize=8192)  # formatting costs three times the look-up, and most spans are a few milliseconds
def _hundredths(number: int) -> str:
    return f"{number / 100:.2f}"


_make: Callable[..., Timings] = Timings
_current: ContextVar[Timings | None] = ContextVar("timings", default=None)


def start_timings(gate: AnyGate = FREE) -> Timings:
    """Start timings for the current task, which serves a request that has entered the gate, or a batch."""
    timings = _make(gate=gate)
    _current.set(timings)
    return timings


@contextmanager
def own_timings() -> Iterator[Timings]:
    """Timings of a piece of work within a task that does others, too, for the block."""
    timings = _make()
    token = _current.set(timings)
    try:
        yield timings
    finally:
        _current.reset(token)


@contextmanager
def timings_made_by(make: Callable[..., Timings]) -> Iterator[None]:
    """Within the block, the timings of this process are made by `make`, which takes a `gate`."""
    global _make  # noqa: PLW0603 - a look-up for each request would cost more
    before, _make = _make, make
    try:
        yield
    finally:
        _make = before


# The timings of the current task, if they were started.
current_timings: Callable[[], Timings | None] = _current.get


def count_commit() -> None:
    """Count a transaction that was committed for the current task."""
    timings = _current.get()
    if timings is not None:
        timings.commits += 1


@contextmanager
def outside_gate() -> Iterator[AnyGate]:
    """Around a wait for the client or for another service, in the task of the request: it counts in no lane meanwhile.

    The request counts again after the block, even if the gate has closed. To refuse it, ask the yielded gate at the end
    of the block.
    """
    timings = _current.get()
    if timings is None:
        yield FREE
        return
    gate, started = timings.gate, perf_counter()
    gate.leave()
    try:
        yield gate
    finally:
        gate.come_back()
        timings.away_s += perf_counter() - started


@contextmanager
def streaming(started: float) -> Iterator[None]:
    """Around what a stream sends once it has begun, as `outside_gate`; its time in the lane was that from `started`."""
    with outside_gate() as gate:
        gate.note(perf_counter() - started)
        yield


@contextmanager
def timed(span: Span) -> Iterator[None]:
    """Add the block's time to the timings of the current task, if it has any."""
    started = perf_counter()
    try:
        yield
    finally:
        timings = _current.get()
        if timings is not None:
            timings.count(span, perf_counter() - started)
