"""Where a request's time goes: pool wait, PostgreSQL and Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

Span = Literal["pool", "postgresql", "redis"]


@dataclass(slots=True)
class Timings:
    """Milliseconds that one request spent waiting, by what it waited for."""

    pool: float = 0.0
    postgresql: float = 0.0
    redis: float = 0.0

    def add(self, batch: "Timings") -> None:
        """Count in what a batch waited for."""
        self.pool += batch.pool
        self.postgresql += batch.postgresql
        self.redis += batch.redis

    def in_ms(self, total_s: float) -> tuple[str, str, str, str]:
        """Pool, PostgreSQL, Redis and the total as text, in milliseconds with two digits: for a header and for JSON."""
        if self.pool or self.postgresql or self.redis:
            return f"{self.pool:.2f}", f"{self.postgresql:.2f}", f"{self.redis:.2f}", f"{total_s * 1000:.2f}"
        return "0.00", "0.00", "0.00", f"{total_s * 1000:.2f}"

    def count(self, span: Span, seconds: float) -> None:
        """Count in one wait."""
        setattr(self, span, getattr(self, span) + seconds * 1000)


_current: ContextVar[Timings | None] = ContextVar("timings", default=None)


def start_timings() -> Timings:
    """Begin to collect for the current task."""
    timings = Timings()
    _current.set(timings)
    return timings


def current_timings() -> Timings | None:
    """What is being collected for the current task, if anything."""
    return _current.get()


@contextmanager
def timed(span: Span) -> Iterator[None]:
    """Add the block's time to the current request's, if there is one."""
    started = perf_counter()
    try:
        yield
    finally:
        timings = _current.get()
        if timings is not None:
            timings.count(span, perf_counter() - started)
