"""The access log: one JSON object a request, written in blocks.

structlog's line costs as much as the rest of a small request. These lines have the same members and go to the same
place, but are gathered for a moment. What a killed process had not written yet is lost, a tenth of a second at most.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO

import orjson

from .timing import Timings

FLUSH_AFTER_S = 0.1
FLUSH_BYTES = 64 * 1024


class AccessLog:
    """Gathers lines, and writes them when there are many or the oldest is a tenth of a second old."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: list[bytes] = []
        self._bytes = 0
        self._flushing: asyncio.TimerHandle | None = None

    def add(self, *, method: str, path: str, status: int, elapsed_s: float, timings: Timings, request_id: str) -> None:
        """One answered request; the path is as the client sent it."""
        line = orjson.dumps(
            {
                "event": "request",
                "method": method,
                "path": path,
                "status": status,
                "ms": round(elapsed_s * 1000, 2),
                "pool_ms": round(timings.pool, 2),
                "postgresql_ms": round(timings.postgresql, 2),
                "redis_ms": round(timings.redis, 2),
                "level": "info",
                "logger": "reservation.http",
                "timestamp": datetime.now(UTC),
                "request_id": request_id,
            },
            option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE,
        )
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= FLUSH_BYTES:
            self.flush()
        elif self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)

    def flush(self) -> None:
        """Write what there is; a log that nobody can write must not stop the sale."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        block, self._lines, self._bytes = b"".join(self._lines), [], 0
        with suppress(OSError, ValueError):  # a closed pipe, a full disk, a closed stream
            self._stream.write(block)
            self._stream.flush()
