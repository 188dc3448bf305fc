"""Spans of work that no request waits for: jobs, the relay of events, deliveries; none while tracing is off."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from .recorded_timings import MOST_WAITS, RecordedTimings, Wait
from .timing import current_timings, own_timings
from .trace_context import TRACE

if TYPE_CHECKING:
    from .spans import Spans

_spans: "Spans | None" = None


@dataclass(slots=True)
class Work:
    """What the block says of its work; without `is_worth_a_span`, for a look that found nothing to do, there is none.

    `traceparent` is that of the span, None while tracing is off.
    """

    traceparent: str | None = None
    attributes: dict[str, str | int] = field(default_factory=dict)
    is_failed: bool = False
    is_worth_a_span: bool = True


@contextmanager
def work_traced_by(spans: "Spans") -> Iterator[None]:
    """Within the block, the work of this process has spans."""
    global _spans  # noqa: PLW0603 - the work is begun far from where the application is made
    before, _spans = _spans, spans
    try:
        yield
    finally:
        _spans = before


@contextmanager
def work_span(
    name: str, *, caused_by: str | None = None, link: str | None = None, in_statements: bool = True
) -> Iterator[Work]:
    """Around a piece of work, whose exceptions are failures; for `caused_by` and `link` see Spans.start_work.

    `in_statements`: log lines and SQL comments of the block name the trace, which makes each statement one that is
    prepared for its one use.
    """
    work, spans = Work(), _spans
    if spans is None:
        yield work
        return
    span = spans.start_work(name, caused_by=caused_by, link=link)
    work.traceparent = span.trace.traceparent
    token = TRACE.set(span.trace)
    try:
        with own_timings() as timings:
            if not in_statements:
                TRACE.set(None)
            yield work
    except Exception:
        work.is_failed = True
        raise
    finally:
        TRACE.reset(token)
        if work.is_worth_a_span:
            waits = timings.waits if isinstance(timings, RecordedTimings) else ()
            spans.end(span, name, work.attributes, waits, ended=perf_counter(), failed=work.is_failed)


@contextmanager
def waiting_for(server: str) -> Iterator[None]:
    """Around a wait for a mail server or a webhook, which is a child of the span around it."""
    started = perf_counter()
    try:
        yield
    finally:
        timings = current_timings()
        if isinstance(timings, RecordedTimings) and len(timings.waits) < MOST_WAITS:
            timings.waits.append(Wait(server, started, perf_counter()))
