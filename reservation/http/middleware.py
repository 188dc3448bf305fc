"""The one middleware: request id, problem details for errors, Server-Timing, metrics and the access log."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from itertools import count
from time import perf_counter

import structlog
from aiohttp import web

from ..errors import DomainError, Unavailable
from ..runtime import metrics
from ..runtime.access_log import AccessLog
from ..runtime.cancellation import cancel_and_wait
from ..runtime.log_output import standard_error
from ..runtime.logs import REQUEST_ID as LOG_REQUEST_ID
from ..runtime.timing import start_timings
from . import app_keys as keys
from .output.problems import HttpProblem, domain_problem, problem, protocol_problem
from .output.responses import SingleWriteResponse
from .routes import Handler

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}", re.ASCII)

# A generated request id: random for the process, then a count.
_PROCESS = secrets.token_hex(4)
_numbers = count(1)

log = structlog.stdlib.get_logger("reservation.http")


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every request an id and every failure problem details; record every request."""
    started = perf_counter()
    request_id = _request_id(request)
    LOG_REQUEST_ID.set(request_id)
    timings = start_timings()
    response = await _respond(request, handler, request_id)
    elapsed_s = perf_counter() - started
    pool, postgresql, redis, total = spans = timings.in_ms(elapsed_s)
    app = request.app
    if not response.prepared:
        if app[keys.DRAINING].is_set():
            response.force_close()
        server_timing = f"pool;dur={pool}, postgresql;dur={postgresql}, redis;dur={redis}, total;dur={total}"
        if isinstance(response, SingleWriteResponse):
            response.set_common_headers(request_id, server_timing)
        else:
            response.headers["X-Request-ID"] = request_id
            response.headers["Server-Timing"] = server_timing
    # A stream lasts as long as the client stays connected, so its time is that until its first byte.
    metrics.observe(request, response.status, request.get(keys.ANSWERED_S, elapsed_s))
    access_log = app.get(keys.ACCESS_LOG)
    if access_log is not None:
        access_log.add(request.method, request.path, response.status, spans, request_id)
    return response


async def request_records(app: web.Application) -> AsyncIterator[None]:
    """Open the access log, if it is on, and publish the counts once a second."""
    settings = app[keys.SETTINGS]
    if settings.access_log and settings.log_level in ("debug", "info"):
        app[keys.ACCESS_LOG] = AccessLog(standard_error().write)
    await asyncio.to_thread(metrics.merge_ended_workers)
    publishing = asyncio.create_task(metrics.publish_for_ever())
    yield
    await cancel_and_wait([publishing])
    metrics.publish()
    if keys.ACCESS_LOG in app:
        app[keys.ACCESS_LOG].flush()


async def _respond(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except DomainError as error:
        if isinstance(error, Unavailable):
            log.warning("unavailable", error=type(error).__name__, cause=repr(error.__cause__))
        return domain_problem(request_id, error)
    except HttpProblem as error:
        return problem(request_id, error.status, error.code, error.detail)
    except web.HTTPException as error:
        return protocol_problem(request_id, error.status, error.headers)
    except ConnectionResetError:
        raise  # the client has disconnected
    except Exception:  # a defect: a 500 for the client, the traceback for the log
        log.exception("internal_error", method=request.method, path=request.path)
        return protocol_problem(request_id, 500, {})


def _request_id(request: web.Request) -> str:
    """The client's id if it is safe in a log line and a header, else a new one."""
    given = request.headers.get("X-Request-ID")
    if given is not None and SANE_REQUEST_ID.fullmatch(given):
        return given
    return f"{_PROCESS}{next(_numbers):08x}"
