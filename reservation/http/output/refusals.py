"""The 503 of a request that is refused since the worker is overloaded, made with as little work as possible.

A worker that refuses two of three requests has to do it in a small part of the time that one takes to answer: otherwise
it would be busy with refusing.
"""

from http import HTTPStatus
from time import time

import orjson
from aiohttp import web

from ...errors import Overloaded
from ...runtime.lanes import Lane
from .. import app_keys
from .problems import CONTENT_TYPE, problem
from .responses import NO_STORE_LINE, SingleWriteResponse, start_of_head

CODE = "overloaded"
# Seconds after which a client may try again: what is refused first comes back last.
RETRY_AFTER_S: dict[Lane | None, int] = {
    Lane.CONFIRM: 1,
    Lane.HOLD: 1,
    Lane.ACCOUNT: 2,
    Lane.MAP: 2,
    Lane.LIST: 3,
    Lane.REPORT: 5,
}
DETAIL = str(Overloaded())
TIMING = "pool;dur=0.00, postgresql;dur=0.00, redis;dur=0.00, total;dur=0.00"
_BODY_START = orjson.dumps(
    {
        "type": f"/docs#{CODE}",
        "title": HTTPStatus.SERVICE_UNAVAILABLE.phrase,
        "status": 503,
        "detail": DETAIL,
        "code": CODE,
    }
).decode()[:-1]


def refused(request: web.Request, request_id: str, lane: Lane | None) -> SingleWriteResponse:
    """The response, as a page if the request is one of a browser's."""
    response = problem(request_id, 503, CODE, DETAIL, headers={"Retry-After": str(RETRY_AFTER_S[lane])})
    show = request.app.get(app_keys.PROBLEM_PAGE)
    return response if show is None else show(request, response)


def refusal(request_id: str, lane: Lane, further_lines: str) -> bytes:
    """The same response, for a connection that stays open, as the bytes to send; the lines are the application's."""
    body = f'{_BODY_START},"request_id":"{request_id}"}}'
    return (
        f"{start_of_head(503, CONTENT_TYPE, int(time()))}Content-Length: {len(body)}\r\n"
        f"{NO_STORE_LINE}{further_lines}"
        f"Retry-After: {RETRY_AFTER_S[lane]}\r\nX-Request-ID: {request_id}\r\nServer-Timing: {TIMING}\r\n\r\n{body}"
    ).encode("latin-1")
