"""Spans of requests for an OpenTelemetry collector; the only module that imports OpenTelemetry (extra `tracing`).

Spans that have ended wait in a queue in memory, which a thread of the library sends in blocks. If the collector is away
or slow, the queue fills and further spans are dropped: no request waits for it.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, time_ns

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..settings import Settings
from .recorded_timings import Wait
from .trace_context import Trace

CLOSE_WAIT_S = 2.0
SYSTEMS = {"postgresql": "postgresql", "redis": "redis"}


@dataclass(frozen=True, slots=True)
class RequestSpan:
    """The span of a request that is under way."""

    span: Span
    trace: Trace
    started: float  # by perf_counter


class Spans:
    """Starts and ends the spans of this process's requests."""

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
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("reservation", version)
        self._headers = TraceContextTextMapPropagator()

    def start(self, name: str, headers: Mapping[str, str]) -> RequestSpan:
        """Start the span of a request, in the trace of its `traceparent` if it has one."""
        started = perf_counter()
        span = self._tracer.start_span(name, context=self._headers.extract(headers), kind=SpanKind.SERVER)
        context = span.get_span_context()
        trace = Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled)
        return RequestSpan(span, trace, started)

    def end(
        self,
        request: RequestSpan,
        name: str,
        attributes: Mapping[str, str | int],
        waits: Sequence[Wait],
        *,
        ended: float,
        failed: bool,
    ) -> None:
        """End it, with a child span for each wait; `ended` is a time of perf_counter."""
        span = request.span
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
                kind=SpanKind.INTERNAL if system is None else SpanKind.CLIENT,
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


def _sampler(settings: Settings) -> Sampler:
    root = settings.otel_traces_sampler.removeprefix("parentbased_")
    sampler: Sampler
    if root == "traceidratio":
        sampler = TraceIdRatioBased(settings.otel_traces_sampler_arg)
    else:
        sampler = ALWAYS_ON if root == "always_on" else ALWAYS_OFF
    return sampler if root == settings.otel_traces_sampler else ParentBased(sampler)
