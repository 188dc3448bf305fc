"""The trace that a request belongs to, for its log lines and its SQL comments; nothing here needs OpenTelemetry."""

from contextvars import ContextVar
from typing import NamedTuple


class Trace(NamedTuple):
    """Hexadecimal ids of the trace and of the request's span, and whether its spans are exported."""

    trace_id: str
    span_id: str
    is_sampled: bool

    @property
    def traceparent(self) -> str:
        """The header of W3C Trace Context by which another program continues the trace."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"


# None while tracing is off, and in a batch, which works for the requests of several traces.
TRACE: ContextVar[Trace | None] = ContextVar("trace", default=None)


def sampled_traceparent() -> str | None:
    """The `traceparent` of the request or work whose task this is, where its spans are exported."""
    trace = TRACE.get()
    return trace.traceparent if trace is not None and trace.is_sampled else None
