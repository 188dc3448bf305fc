"""A collector of traces on loopback: it takes spans by OTLP over HTTP, or takes the connection and never answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE_S = 60


class Received(NamedTuple):
    """A span as it arrived; its ids are hexadecimal, its times in nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    started: int
    ended: int
    attributes: dict[str, Any]
    is_error: bool
    service: str
    links: tuple[str, ...]  # the ids of other spans


class Collector:
    """What has arrived; `hangs`: requests are taken and never answered."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.changed, self.spans, self.requests = threading.Condition(), list[Received](), 0
        self._released = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with collector.changed:
                    collector.requests += 1
                    if not hangs and self.path == "/v1/traces":
                        collector.spans += _spans(ExportTraceServiceRequest.FromString(body))
                    collector.changed.notify_all()
                if hangs:
                    collector._released.wait()
                    return
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def wait_for(self, *names: str) -> list[Received]:
        """All spans, once there is one of each of these names."""
        with self.changed:
            arrived = self.changed.wait_for(lambda: {*names} <= {each.name for each in self.spans}, PATIENCE_S)
            assert arrived, [each.name for each in self.spans]
            return list(self.spans)

    def wait_for_requests(self, number: int) -> None:
        """Return once so many requests have arrived."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.requests >= number, PATIENCE_S)

    def close(self) -> None:
        """Release the requests that hang, and end."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def collecting(*, hangs: bool = False) -> Iterator[Collector]:
    """A collector until the end of the block."""
    collector = Collector(hangs=hangs)
    try:
        yield collector
    finally:
        collector.close()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for resource in request.resource_spans:
        service = next(each.value.string_value for each in resource.resource.attributes if each.key == "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.kind,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes},
                    span.status.code == 2,
                    service,
                    tuple(link.span_id.hex() for link in span.links),
                )
