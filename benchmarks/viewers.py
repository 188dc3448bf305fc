"""python -m benchmarks.viewers URL COUNT EVENTS READY: follow a live seat map with many streams.

Writes the file READY once every stream has the map. Prints, as JSON, a list for each event of the times at which it
arrived, on the monotonic clock, which all processes of a machine share.
"""

import asyncio
import json
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import cast
from urllib.parse import urlsplit

import uvloop

CONNECTS_AT_ONCE = 100
LIMIT_S = 120.0
SPARE_FILES = 64
# The beginning of the first event, and a part of every later event that names a seat.
FIRST, SEATS, A_SEAT = b"event: snapshot", b"event: seats", b'"seats":[{'


class Viewer(asyncio.Protocol):
    """One stream; records when the events that name a seat arrived."""

    def __init__(self, request: bytes, events: int) -> None:
        self._request = request
        self._events = events
        self.moments: list[float] = []
        self.begun = asyncio.get_running_loop().create_future()
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        """Record the time; the content is checked by tests."""
        if FIRST in data and not self.begun.done():
            self.begun.set_result(None)
        elif SEATS in data and A_SEAT in data:
            self.moments.append(monotonic())
            if len(self.moments) == self._events and not self.done.done():
                self.done.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        """A stream that the service ends is a failure."""
        for waited_for in (self.begun, self.done):
            if not waited_for.done():
                waited_for.set_exception(ConnectionResetError("a stream has ended"))


async def watch(url: str, count: int, events: int, ready: Callable[[], None]) -> list[list[float]]:
    """Open the streams, then wait for the events."""
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    loop, viewers = asyncio.get_running_loop(), [Viewer(request, events) for _ in range(count)]
    async with asyncio.timeout(LIMIT_S):
        for start in range(0, count, CONNECTS_AT_ONCE):
            some = viewers[start : start + CONNECTS_AT_ONCE]
            await asyncio.gather(
                *(loop.create_connection(partial(_same, one), parts.hostname or "", parts.port or 80) for one in some)
            )
            await asyncio.gather(*(viewer.begun for viewer in some))
        ready()
        await asyncio.gather(*(viewer.done for viewer in viewers))
    return [[viewer.moments[number] for viewer in viewers] for number in range(events)]


def _same(viewer: Viewer) -> Viewer:
    return viewer


def main() -> None:
    """Run from the command line."""
    url, count, events, ready = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < count + SPARE_FILES:
        sys.exit(f"{count} viewers need more open files than the {hard} that the system allows: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(watch(url, count, events, ready.touch))))


if __name__ == "__main__":
    main()
