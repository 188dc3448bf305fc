"""Spans of requests and of other work for an OpenTelemetry collector.

Only this module and span_export.py import OpenTelemetry (extra `tracing`). Spans that have ended wait in a queue in
memory, which a thread of the library sends in blocks. If the collector is away or slow, the queue fills and the oldest
spans are dropped: no request waits for it.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, time_ns

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..settings import Settings
from .recorded_timings import Wait
from .span_export import CountingProcessor
from .trace_context import Trace

CLOSE_WAIT_S = 2.0
SYSTEMS = {"postgresql": "postgresql", "redis": "redis"}
CALLS = frozenset({"postgresql", "redis", "mail server", "webhook"})  # the waits for other servers


@dataclass(frozen=True, slots=True)
class StartedSpan:
    """The span of a request, or of other work, that is under way."""

    span: Span
    trace: Trace
    started: float  # by perf_counter


class Spans:
    """Starts and ends the spans of this process."""

    def __init__(self, settings: Settings, version: str) -> None:
        """Start the thread that exports; everything else comes from OTEL_* of the process's environment."""
        resource = Resource.create(
            {
                "service.name": settings.otel_service_name,
                "service.version": version,
                "service.instance.id": f"{os.uname().nodename}:{os.getpid()}",
            }
        )
        self._provider = TracerProvider(sampler=_sampler(settings), resource=resource, shutdown_on_exit=False)
        endpoint = f"{(settings.otel_endpoint or '').rstrip('/')}/v1/traces"
        processor = CountingProcessor(endpoint)
        self._provider.add_span_processor(processor)
        self.count = processor.count  # adds to the metrics what became of spans
        self._tracer = self._provider.get_tracer("reservation", version)
        self._headers = TraceContextTextMapPropagator()

    def start(self, name: str, headers: Mapping[str, str]) -> StartedSpan:
        """Start the span of a request, in the trace of its `traceparent` if it has one."""
        started = perf_counter()
        span = self._tracer.start_span(name, context=self._headers.extract(headers), kind=SpanKind.SERVER)
        return StartedSpan(span, _trace_of(span), started)

    def start_work(self, name: str, *, caused_by: str | None, link: str | None) -> StartedSpan:
        """Start the span of work that no request waits for.

        `caused_by` is the `traceparent` of the request that asked for it, whose trace it continues; `link` that of
        work which it follows, in a trace of its own.
        """
        started = perf_counter()
        context = self._headers.extract({"traceparent": caused_by} if caused_by else {})
        before = get_current_span(self._headers.extract({"traceparent": link} if link else {})).get_span_context()
        span = self._tracer.start_span(
            name,
            context=context,
            kind=SpanKind.CONSUMER if caused_by or link else SpanKind.INTERNAL,
            links=[Link(before)] if before.is_valid else None,
        )
        return StartedSpan(span, _trace_of(span), started)

    def end(
        self,
        started: StartedSpan,
        name: str,
        attributes: Mapping[str, str | int],
        waits: Sequence[Wait],
        *,
        ended: float,
        failed: bool,
    ) -> None:
        """End it, with a child span for each wait; `ended` is a time of perf_counter."""
        span = started.span
        if not span.is_recording():
            return
        now_ns, now = time_ns(), perf_counter()

        def at(moment: float) -> int:
            return now_ns - round((now - moment) * 1e9)

        span.update_name(name)
        span.set_attributes(attributes)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        context = set_span_in_context(span)
        for wait in waits:
            system = SYSTEMS.get(wait.kind)
            child = self._tracer.start_span(
                wait.kind,
                context=context,
                kind=SpanKind.CLIENT if wait.kind in CALLS else SpanKind.INTERNAL,
                attributes=None if system is None else {"db.system.name": system},
                start_time=at(wait.started),
            )
            child.end(at(wait.ended))
        span.end(at(ended))

    def close(self) -> None:
        """Send what is left, for at most CLOSE_WAIT_S; a process that ends does not wait for the thread."""
        closing = threading.Thread(target=self._provider.shutdown, name="end of tracing", daemon=True)
        closing.start()
        closing.join(CLOSE_WAIT_S)


def _trace_of(span: Span) -> Trace:
    context = span.get_span_context()
    return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled)


def _sampler(settings: Settings) -> Sampler:
    root = settings.otel_traces_sampler.removeprefix("parentbased_")
    sampler: Sampler
    if root == "traceidratio":
        sampler = TraceIdRatioBased(settings.otel_traces_sampler_arg)
    else:
        sampler = ALWAYS_ON if root == "always_on" else ALWAYS_OFF
    return sampler if root == settings.otel_traces_sampler else ParentBased(sampler)
