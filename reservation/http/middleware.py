"""The one middleware: request id, problem details for errors, Server-Timing, metrics and the access log."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from time import perf_counter

import structlog
from aiohttp import web

from ..db.postgresql_errors import is_undone
from ..errors import DomainError, Overloaded, Unavailable
from ..runtime import exposition
from ..runtime.access_log import AccessLog, TracedAccessLog
from ..runtime.cancellation import cancel_and_wait
from ..runtime.lanes import Lane
from ..runtime.load_shedding import FREE, AnyGate
from ..runtime.log_output import standard_error
from ..runtime.logs import REQUEST_ID as LOG_REQUEST_ID
from ..runtime.process_metrics import measure_event_loop, tell_version
from ..runtime.timing import Timings, current_timings, start_timings
from . import app_keys as keys, metrics
from .cors import answer_preflight, is_preflight
from .gates import gate_of
from .output.compression import MIN_BYTES, compress_if_asked
from .output.problems import HttpProblem, domain_problem, problem, protocol_problem
from .output.refusals import refused
from .output.responses import FIXED_HEADERS, NO_STORE, SingleWriteResponse
from .routes import Handler
from .security_events import record_refusal

FIRST_REDIRECT = 300  # as an int: to look up the member of an enum costs as much as the comparison
# Of a request that PostgreSQL has undone: for a deadlock, or since a DBA changes a table just now.
REPEATS = 2
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}", re.ASCII)

log = structlog.stdlib.get_logger("reservation.http")


@dataclass(slots=True)
class Records:
    """What the middleware needs for each response, in one object: three look-ups cost as much as counting a response.

    `draining`: the worker is about to end. `further_lines`: header lines beyond the fixed ones.
    """

    draining: asyncio.Event
    further_lines: str = ""
    access_log: AccessLog | None = None


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every request an id and every failure problem details; record every request."""
    if is_preflight(request):
        return await respond(request, answer_preflight, request.path)
    return await respond(request, handler, request.path, gate_of(request.app, request.match_info.handler))


async def respond(request: web.Request, handler: Handler, path: str, gate: AnyGate = FREE) -> web.StreamResponse:
    """As the middleware, for a caller who knows the path and the gate: to find them costs as much as to log it."""
    started = perf_counter()
    headers = request.headers
    request_id = new_request_id(headers) if "X-Request-ID" in headers else next(_request_ids)
    LOG_REQUEST_ID.set(request_id)
    timings = start_timings(gate)
    if gate.enter():
        try:
            response = await handler(request)
        except Exception as error:
            response = await _repeated(error, request, handler, request_id)
        finally:
            gate.leave()
    else:
        response = refused(request, request_id, gate.lane)
    own = response if isinstance(response, SingleWriteResponse) else None
    if own is not None and len(own.body) >= MIN_BYTES:
        compress_if_asked(request, own)
    elapsed_s = perf_counter() - started
    status = response.status
    # The time of a stream was noted when it began.
    is_noted = (own is None or status >= FIRST_REDIRECT) and keys.ANSWERED_S in request
    if not is_noted and (status < FIRST_REDIRECT or _has_asked_stores(status, gate, timings)):
        gate.note(elapsed_s - timings.away_s)
    pool, postgresql, redis, total = spans = timings.in_ms(elapsed_s)
    records = request.app[keys.RECORDS]
    if response.prepared:
        # A stream lasts as long as the client stays connected, so its time is that until its first byte.
        elapsed_s = request.get(keys.ANSWERED_S, elapsed_s)
    else:
        if records.draining.is_set():
            response.force_close()
        server_timing = f"pool;dur={pool}, postgresql;dur={postgresql}, redis;dur={redis}, total;dur={total}"
        if own is None:
            _set_common_headers(request, response, request_id, server_timing)
        else:
            own.set_common_headers(request_id, server_timing, records.further_lines, is_private=keys.CALLER in request)
    metrics.observe(request, status, None if own is None else own.problem_code, elapsed_s)
    if records.access_log is not None:
        records.access_log.add(request.method, path, status, spans, request_id)
    return response


def _has_asked_stores(status: int, gate: AnyGate, timings: Timings) -> bool:
    """Whether the time of another answer than a success is one of the stores.

    A refusal for which none was asked would hide that they are slow. Seats that are taken, and a map that has not
    changed, may be known from Redis alone.
    """
    return (
        (timings.postgresql > 0 and status != HTTPStatus.SERVICE_UNAVAILABLE)
        or (status == HTTPStatus.CONFLICT and gate.lane in (Lane.HOLD, Lane.CONFIRM))
        or (status == HTTPStatus.NOT_MODIFIED and timings.redis > 0)
    )


def _set_common_headers(
    request: web.Request, response: web.StreamResponse, request_id: str, server_timing: str
) -> None:
    """Set the headers that every response has in one of aiohttp's own classes."""
    response.headers.update(FIXED_HEADERS)
    response.headers["X-Request-ID"] = request_id
    response.headers["Server-Timing"] = server_timing
    if keys.CALLER in request:
        response.headers["Cache-Control"] = NO_STORE
    for line in request.app[keys.RECORDS].further_lines.splitlines():
        name, _, value = line.partition(": ")
        response.headers[name] = value


async def request_records(app: web.Application) -> AsyncIterator[None]:
    """Open the access log, if it is on, and publish the counts once a second."""
    settings = app[keys.SETTINGS]
    is_logged = settings.access_log and settings.log_level in ("debug", "info")
    kind = TracedAccessLog if settings.traces else AccessLog
    app[keys.RECORDS].access_log = access_log = kind(standard_error().write) if is_logged else None
    tell_version()
    await asyncio.to_thread(exposition.merge_ended_workers)
    tasks = [asyncio.create_task(exposition.publish_for_ever()), asyncio.create_task(measure_event_loop())]
    yield
    await cancel_and_wait(tasks)
    exposition.publish()
    if access_log is not None:
        access_log.flush()


async def _repeated(error: Exception, request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    """The answer of another try, where PostgreSQL has undone the failed one; otherwise the error's problem.

    A request that has committed something is not tried again: its own effect could make it fail, or happen twice.
    """
    timings = current_timings()
    for _ in range(REPEATS):
        if not is_undone(error) or request.writer.output_size or timings is None or timings.commits:
            break
        log.info("request_repeated", cause=repr(error.__cause__))
        try:
            return await handler(request)
        except Exception as another:
            error = another
    if isinstance(error, ConnectionResetError) and (request.transport is None or request.transport.is_closing()):
        raise error  # the client has disconnected
    response, show = _problem_of(error, request, request_id), request.app.get(keys.PROBLEM_PAGE)
    return response if show is None else show(request, response)


def _problem_of(error: Exception, request: web.Request, request_id: str) -> SingleWriteResponse:
    if isinstance(error, DomainError):
        if isinstance(error, Unavailable) and not isinstance(error, Overloaded):  # of which there are many: metrics
            log.warning("unavailable", error=type(error).__name__, cause=repr(error.__cause__))
        record_refusal(request, error)
        return domain_problem(request_id, error)
    if isinstance(error, HttpProblem):
        response = problem(request_id, error.status, error.code, error.detail, headers=error.headers)
        if error.ends_connection:
            response.force_close()
        return response
    if isinstance(error, web.HTTPException):
        return protocol_problem(request_id, error.status, error.headers)
    # A defect: a 500 for the client, the traceback for the log.
    log.error("internal_error", method=request.method, path=request.path, exc_info=error)
    return protocol_problem(request_id, 500, {})


def new_request_id(headers: Mapping[str, str]) -> str:
    """The request id that the client gives, if it is one, or a new one."""
    given = headers.get("X-Request-ID")
    return next(_request_ids) if given is None or not SANE_REQUEST_ID.fullmatch(given) else given


def _new_request_ids() -> Iterator[str]:
    """Random for the process, then a count; formatting each would cost ten times as much."""
    process, low_digits = secrets.token_hex(4), [f"{number:02x}" for number in range(256)]
    for high in count():
        start = f"{process}{high:06x}"
        for low in low_digits:
            yield start + low


_request_ids = _new_request_ids()
