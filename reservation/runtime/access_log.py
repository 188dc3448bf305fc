"""The access log: one JSON object a request, written in blocks.

structlog's line costs as much as the rest of a small request. These lines have the same members and go to the same
stream, but are collected for up to 0.1 s. A process that is killed loses the lines of that time.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from time import time

import orjson

from .trace_context import TRACE

FLUSH_AFTER_S = 0.1
FLUSH_CHARS = 64 * 1024
_METHODS = {method: f'"{method}"' for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")}


class AccessLog:
    """Collects lines, and gives them to `write` when there are many or the oldest is FLUSH_AFTER_S old."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write  # must not block
        self._lines: list[str] = []
        self._chars = 0
        self._flushing: asyncio.TimerHandle | None = None

    def add(self, method: str, path: str, status: int, spans: tuple[str, str, str, str], request_id: str) -> None:
        """Add an answered request; `spans` come from Timings.in_ms, and the request id needs no escaping."""
        pool, postgresql, redis, total = spans
        line = (
            f'{{"event":"request","method":{_METHODS.get(method) or _quoted(method)},"path":{_quoted(path)},'
            f'"status":{status},"ms":{total},'
            f'"pool_ms":{pool},"postgresql_ms":{postgresql},"redis_ms":{redis},"level":"info",'
            f'"logger":"reservation.http","timestamp":"{_timestamp(time())}","request_id":"{request_id}"}}\n'
        )
        self._lines.append(line)
        self._chars += len(line)
        if self._chars >= FLUSH_CHARS:
            self.flush()
        elif self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)

    def flush(self) -> None:
        """Write the collected lines."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._lines:
            self._write("".join(self._lines))
            self._lines, self._chars = [], 0


class TracedAccessLog(AccessLog):
    """As AccessLog, with the ids of each request's trace and span; it exists while tracing is on."""

    def add(self, method: str, path: str, status: int, spans: tuple[str, str, str, str], request_id: str) -> None:
        """As AccessLog does."""
        trace = TRACE.get()
        if trace is not None:  # the request id is the line's last member, and is written as it is given
            request_id = f'{request_id}","trace_id":"{trace.trace_id}","span_id":"{trace.span_id}'
        super().add(method, path, status, spans, request_id)


def _timestamp(now: float) -> str:
    """RFC 3339 in UTC."""
    second, _, microseconds = f"{now:.6f}".partition(".")
    return f"{_to_the_second(second)}.{microseconds}Z"


@lru_cache(maxsize=1)  # formatted once a second instead of once a line
def _to_the_second(second: str) -> str:
    return datetime.fromtimestamp(int(second), UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _quoted(text: str) -> str:
    """A JSON string; most methods and paths contain nothing to escape."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return orjson.dumps(text.encode(errors="replace").decode()).decode()
