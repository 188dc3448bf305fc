"""The access log: one JSON object a request, written in blocks.

structlog's line costs as much as the rest of a small request. These lines have the same members and go to the same
stream, but are collected for up to 0.1 s. A process that is killed loses the lines of that time.
"""

import asyncio
from datetime import UTC, datetime
from time import time
from typing import Protocol

import orjson

FLUSH_AFTER_S = 0.1
FLUSH_CHARS = 64 * 1024


class Output(Protocol):
    """Where the lines go; `write` must not block."""

    def write(self, lines: str, /) -> object:
        """Take whole lines."""
        ...


class AccessLog:
    """Collects lines, and writes them when there are many or the oldest is FLUSH_AFTER_S old."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lines: list[str] = []
        self._chars = 0
        self._flushing: asyncio.TimerHandle | None = None

    def add(self, method: str, path: str, status: int, spans: tuple[str, str, str, str], request_id: str) -> None:
        """Add an answered request; `spans` come from Timings.in_ms, and the request id needs no escaping."""
        pool, postgresql, redis, total = spans
        line = (
            f'{{"event":"request","method":{_quoted(method)},"path":{_quoted(path)},"status":{status},"ms":{total},'
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
            self._output.write("".join(self._lines))
            self._lines, self._chars = [], 0


_second = (0, "")


def _timestamp(now: float) -> str:
    """RFC 3339 in UTC; the date and time of day are formatted once a second."""
    global _second  # noqa: PLW0603 - formatted once a second instead of once a line
    second = int(now)
    known, text = _second
    if known != second:
        text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _second = (second, text)
    return f"{text}.{int((now - second) * 1_000_000):06d}Z"


def _quoted(text: str) -> str:
    """A JSON string; most methods and paths contain nothing to escape."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return orjson.dumps(text.encode(errors="replace").decode()).decode()
