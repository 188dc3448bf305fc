"""Traces, of requests and of other work: around the server's handler while tracing is on, and nowhere otherwise."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ..runtime.exposition import before_publish
from ..runtime.logs import REQUEST_ID
from ..runtime.process_metrics import installed_version
from ..runtime.recorded_timings import RecordedTimings, timings_of_trace
from ..runtime.timing import current_timings, timings_made_by
from ..runtime.trace_context import TRACE
from ..runtime.work_spans import work_traced_by
from ..settings import OTLP_PROTOCOL, InvalidSettings
from .app_keys import ANSWERED_S, SETTINGS, SPANS
from .output.responses import SingleWriteResponse

if TYPE_CHECKING:
    from ..runtime.spans import Spans, StartedSpan

RequestHandler = Callable[[Any], Awaitable[web.StreamResponse]]


async def tracing(app: web.Application) -> AsyncIterator[None]:
    """Export spans until the application ends.

    Raises InvalidSettings without OpenTelemetry, and for a collector of another protocol, which would get nothing.
    """
    protocol = app[SETTINGS].otel_protocol
    if protocol != OTLP_PROTOCOL:
        raise InvalidSettings(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}: only {OTLP_PROTOCOL} is spoken")
    try:
        # Imported only here, where tracing is on: OpenTelemetry is an extra, and its import takes time and memory.
        module = importlib.import_module("reservation.runtime.spans")
    except ModuleNotFoundError as error:
        raise InvalidSettings(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: install the extra `tracing`"
        ) from error
    app[SPANS] = spans = module.Spans(app[SETTINGS], installed_version())
    before_publish.append(spans.count)
    with timings_made_by(timings_of_trace), work_traced_by(spans):
        yield
    before_publish.remove(spans.count)
    await asyncio.to_thread(spans.close)


def trace_requests(server: web.Server, app: web.Application) -> None:
    """Let a server of this application trace its requests, if tracing is on; before its first connection."""
    spans = app.get(SPANS)
    if spans is not None:
        server.request_handler = _Traced(spans, server.request_handler).handle


class _Traced:
    def __init__(self, spans: "Spans", handler: RequestHandler) -> None:
        self._spans = spans
        self._handler = handler

    async def handle(self, request: Any) -> web.StreamResponse:
        """Answer a request within its span, which also ends if its client disconnects."""
        span = self._spans.start(request.method, request.headers)
        TRACE.set(span.trace)
        response: web.StreamResponse | None = None
        try:
            response = await self._handler(request)
        finally:
            self._end(span, request, response)
            TRACE.set(None)  # a connection has one task: what it gets next may be no request at all
        return response

    def _end(self, span: "StartedSpan", request: web.Request, response: web.StreamResponse | None) -> None:
        route = _route(request)
        attributes: dict[str, str | int] = {"http.request.method": request.method, "url.path": request.path}
        if route is not None:
            attributes["http.route"] = route
        if response is not None:
            attributes["http.response.status_code"] = response.status
            attributes["reservation.request_id"] = REQUEST_ID.get() or ""
            if isinstance(response, SingleWriteResponse) and response.problem_code is not None:
                attributes["error.type"] = response.problem_code
        timings = current_timings()
        # A stream lasts as long as the client stays connected: its time is that until its first byte.
        answered_s = request.get(ANSWERED_S)
        self._spans.end(
            span,
            request.method if route is None else f"{request.method} {route}",
            attributes,
            timings.waits if isinstance(timings, RecordedTimings) else (),
            ended=perf_counter() if answered_s is None else span.started + answered_s,
            failed=response is None or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR,
        )


def _route(request: Any) -> str | None:
    """The template of the path; None if no operation has it, or the client has gone before that was known."""
    match = request._match_info  # noqa: SLF001 - `match_info` refuses to tell that there is none
    resource = None if match is None else match.route.resource
    return None if resource is None else resource.canonical
