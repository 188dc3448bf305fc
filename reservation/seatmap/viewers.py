"""The viewers of one seat map: a slow one gets no events until it has read its backlog, or is disconnected."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from ..errors import DomainError
from . import metrics
from .map_history import Frame, MapHistory

MAX_BACKLOG_BYTES = 64 * 1024  # of one viewer, beyond the system's buffers; one event may exceed it
MAX_SLOW_S = 5.0  # how long a viewer may have a backlog
DISCONNECT_AFTER_S = 2.0  # from the final event of a slow viewer; no other request comes on its connection


class Viewer:
    """One open stream, on the transport of its connection."""

    __slots__ = ("_chunked", "_slow_since", "_transport", "ended")

    def __init__(self, transport: asyncio.WriteTransport, *, chunked: bool) -> None:
        self._transport = transport
        self._chunked = chunked
        self._slow_since: float | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_slow(self) -> bool:
        """Whether it missed events because of its backlog."""
        return self._slow_since is not None

    def write(self, frame: Frame) -> None:
        """Send an event whatever the backlog."""
        self.check_connection()  # uvloop logs every write to a closed connection
        if not self.ended.done():
            self._transport.write(frame.chunked if self._chunked else frame.plain)
            metrics.MESSAGES_SENT.value += 1

    def send(self, frame: Frame) -> None:
        """Send an event, unless the backlog is full: the viewer then misses it, and gets a snapshot later."""
        if self.is_slow:
            metrics.EVENTS_SKIPPED.value += 1
        elif self._transport.get_write_buffer_size() > MAX_BACKLOG_BYTES:
            self._slow_since = monotonic()
            metrics.EVENTS_SKIPPED.value += 1
        else:
            self.write(frame)

    def recover(self, snapshot: Callable[[], Frame], final: Frame) -> bool:
        """Send a slow viewer a snapshot once it has read its backlog; False when it took too long and was ended."""
        self.check_connection()
        if self._slow_since is None or self.ended.done():
            return True
        if self._transport.get_write_buffer_size() == 0:
            self._slow_since = None
            self.write(snapshot())
        elif monotonic() - self._slow_since > MAX_SLOW_S:
            metrics.VIEWERS_DROPPED.value += 1
            self.end(final)
            asyncio.get_running_loop().call_later(DISCONNECT_AFTER_S, self._transport.abort)
            return False
        return True

    def end(self, final: Frame | None = None) -> None:
        """End the stream, after a final event."""
        if final is not None:
            self.write(final)
        if not self.ended.done():
            self.ended.set_result(None)

    def check_connection(self) -> None:
        """End the stream if the client has disconnected."""
        if self._transport.is_closing():
            self.end()


class MapFeed:
    """A seat map's history and viewers, as the task of LiveFeeds that reads the map needs them."""

    def __init__(self, showtime_id: int) -> None:
        self.history = MapHistory(showtime_id)
        self.viewers: set[Viewer] = set()
        self.wake = asyncio.Event()  # there may be something to read or to send
        self.ready = asyncio.Event()  # the map was read, or the feed has failed
        self.version_of_last_tick = 0
        self.error: DomainError | None = None  # why the feed has ended
        self.read_error: DomainError | None = None  # of the last reading
        self.notified_at: float | None = None  # of the first change that is not read yet, on the monotonic clock
        self._changed = asyncio.Event()
        self._users = 0
        self._idle_since = monotonic()

    @property
    def is_in_use(self) -> bool:
        """Whether a request uses it."""
        return self._users > 0

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count a request for the duration of the block."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._idle_since = monotonic()

    def is_idle_since(self, moment: float) -> bool:
        """Whether no request has used it since then, on the monotonic clock."""
        return not self.is_in_use and self._idle_since < moment

    def notify(self) -> None:
        """Wake the requests that wait for a version."""
        if self.history.version:
            self.ready.set()
        self._changed.set()
        self._changed = asyncio.Event()

    def fail(self, error: DomainError) -> None:
        """End the feed: the map is not read any more."""
        self.error = error
        self.ready.set()
        self.wake.set()
        self.notify()

    async def reach(self, version: int, timeout_s: float) -> bool:
        """Wait for a version; False if it does not come in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.error is None and self.history.version < version:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return self.error is None

    def watched(self, version: int, since: int) -> None:
        """The map's changes are published from this version on, and were since the other one until now."""
        # A version that was counted before the last tick should have been published by now: if not, it was lost.
        was_lost = self.history.published_version < self.version_of_last_tick
        # Another worker may have had the map watched again, after a time in which no changes were published.
        if was_lost or not self.history.is_subscribed or since > self.version_of_last_tick:
            self.history.subscribe(version)
        self.version_of_last_tick = version
        self.wake.set()
