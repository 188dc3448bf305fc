"""One followed map and its viewers: who reads too slowly is sent nothing until it has caught up, or is let go."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from ..errors import DomainError
from .map_history import FollowedMap, Frame

MAX_UNREAD_BYTES = 64 * 1024  # of one viewer, beyond what the system buffers; and one event
SLOW_S = 5.0  # a viewer may lag for so long
LAST_WORDS_S = 2.0  # until the connection of one that was let go is cut; no other request comes on it


class Viewer:
    """One open stream, on the transport of its connection."""

    __slots__ = ("_behind_since", "_chunked", "_transport", "ended")

    def __init__(self, transport: asyncio.WriteTransport, *, chunked: bool) -> None:
        self._transport = transport
        self._chunked = chunked
        self._behind_since: float | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_behind(self) -> bool:
        """Whether events were kept from it."""
        return self._behind_since is not None

    def write(self, frame: Frame) -> None:
        """Send an event whatever waits to be read."""
        self.notice_the_end()  # uvloop has no patience with who writes to a closed connection
        if not self.ended.done():
            self._transport.write(frame.chunked if self._chunked else frame.plain)

    def send(self, frame: Frame) -> None:
        """Send an event, unless too much waits to be read: then it is behind, and needs the whole map."""
        self.notice_the_end()
        if self._behind_since is not None or self.ended.done():
            return
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self._behind_since = monotonic()
        else:
            self.write(frame)

    def catches_up(self, snapshot: Callable[[], Frame], farewell: Frame) -> bool:
        """Send the map if all was read; False when it took too long, and the stream has been ended."""
        self.notice_the_end()
        if self._behind_since is None or self.ended.done():
            return True
        if self._transport.get_write_buffer_size() == 0:
            self._behind_since = None
            self.write(snapshot())
        elif monotonic() - self._behind_since > SLOW_S:
            self.end(farewell)
            asyncio.get_running_loop().call_later(LAST_WORDS_S, self._transport.abort)
            return False
        return True

    def end(self, farewell: Frame) -> None:
        """Say a last word, and let the stream end."""
        self.write(farewell)
        self.give_up()

    def give_up(self) -> None:
        """Let the stream end without a word."""
        if not self.ended.done():
            self.ended.set_result(None)

    def notice_the_end(self) -> None:
        """See whether the client has gone."""
        if self._transport.is_closing():
            self.give_up()


class Followed:
    """A map, its viewers, and the task that looks at it."""

    def __init__(self, showtime_id: int) -> None:
        self.map = FollowedMap(showtime_id)
        self.viewers: set[Viewer] = set()
        self.wake = asyncio.Event()
        self.first_look = asyncio.Event()
        self.expected = 0  # the version of a tick ago
        self.error: DomainError | None = None
        self.trouble: DomainError | None = None  # with the last look
        self._moved = asyncio.Event()
        self._users = 0
        self._idle_since = monotonic()

    @property
    def is_gone(self) -> bool:
        """Whether nothing is to be expected of it any more."""
        return self.error is not None

    @property
    def is_in_use(self) -> bool:
        """Whether somebody keeps it."""
        return self._users > 0

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep it for the duration of the block."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._idle_since = monotonic()

    def is_idle(self, since: float) -> bool:
        """Whether nobody has used it since then, on the monotonic clock."""
        return not self.is_in_use and self._idle_since < since

    def moved(self) -> None:
        """There has been a look."""
        if self.map.version:
            self.first_look.set()
        self._moved.set()
        self._moved = asyncio.Event()

    def fail(self, error: DomainError) -> None:
        """There will be none any more."""
        self.error = error
        self.first_look.set()
        self.wake.set()
        self.moved()

    async def reach(self, version: int, patience_s: float) -> bool:
        """Wait for a version; False if it does not come in time."""
        try:
            async with asyncio.timeout(patience_s):
                while not self.is_gone and self.map.version < version:
                    await self._moved.wait()
        except TimeoutError:
            return False
        return not self.is_gone
