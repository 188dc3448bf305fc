"""Sends spans to an OpenTelemetry collector, and counts those that are sent and those that are lost."""

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from .process_metrics import TRACE_SPANS


class CountingExporter(SpanExporter):
    """Counts what another exporter does; used by one thread, and read by others."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.taken = self.sent = self.not_sent = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a block; the library retries it, and drops it in the end."""
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            if result is SpanExportResult.SUCCESS:
                self.sent += len(spans)
            else:
                self.not_sent += len(spans)
        return result

    def shutdown(self) -> None:
        """End the waits of the other exporter."""
        self._exporter.shutdown()


class CountingProcessor(BatchSpanProcessor):
    """The library's queue, which drops its oldest span where there is no room for another one.

    The library does not tell how many it has dropped. A block leaves the queue just before the exporter counts it, so
    that at the moment when the queue is full a few too many may be counted.
    """

    def __init__(self, endpoint: str) -> None:
        """Start the thread that exports; its limits come from OTEL_BSP_* of the process's environment."""
        self._counting = CountingExporter(OTLPSpanExporter(endpoint=endpoint))
        # What the library reads from OTEL_BSP_MAX_QUEUE_SIZE; it has no public name for it, and no types.
        self._room: int = BatchSpanProcessor._default_max_queue_size()  # type: ignore[no-untyped-call] # noqa: SLF001 - see above
        self._queued = self._dropped = 0
        self._counted = (0, 0, 0)
        super().__init__(self._counting, max_queue_size=self._room)

    def on_end(self, span: ReadableSpan) -> None:
        """Put a span into the queue if it is sampled."""
        if span.context is not None and span.context.trace_flags.sampled:
            if self._queued - self._dropped - self._counting.taken >= self._room:
                self._dropped += 1
            self._queued += 1
        super().on_end(span)

    def count(self) -> None:
        """Add to the metrics what became of spans since the last call."""
        now = (self._counting.sent, self._counting.not_sent, self._dropped)
        for outcome, total, before in zip(("sent", "not_sent", "queue_full"), now, self._counted, strict=True):
            TRACE_SPANS.counts[outcome] += total - before
        self._counted = now
