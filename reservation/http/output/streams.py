"""Responses that are written piece by piece."""

from collections.abc import Mapping
from time import perf_counter

from aiohttp import web

from ...runtime.logs import REQUEST_ID
from ...runtime.timing import current_timings
from ..app_keys import ANSWERED_S
from .responses import FIXED_HEADERS, NO_STORE


async def begin_stream(request: web.Request, started: float, headers: Mapping[str, str]) -> web.StreamResponse:
    """Send the head, with the headers that the middleware adds to other responses; `started` is of perf_counter()."""
    request[ANSWERED_S] = elapsed_s = perf_counter() - started
    common = {"X-Request-ID": REQUEST_ID.get() or "", "Cache-Control": NO_STORE, **FIXED_HEADERS}
    timings = current_timings()
    if timings is not None:
        pool, postgresql, redis, total = timings.in_ms(elapsed_s)
        common["Server-Timing"] = f"pool;dur={pool}, postgresql;dur={postgresql}, redis;dur={redis}, total;dur={total}"
    response = web.StreamResponse(headers={**common, **headers})
    response.force_close()  # it may be aborted, so the connection must carry no other request
    await response.prepare(request)
    return response
