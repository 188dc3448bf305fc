"""A connection to Redis: commands are written once a loop round, and replies are matched to them in order.

A caller does not wait for the replies to other callers' commands.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, cast

from hiredis import HiredisError, PushNotification, Reader, pack_command

from . import metrics

RUN_KEY = "reservation:run"  # run_id of the Redis server that wrote the maps; a cluster's node has one of its own
KEPT_SINCE = b":kept_since"  # the end of a key that is written beside it
GRACE_S = 0.05

_INCOMPLETE = object()


class ConnectionLost(Exception):
    """The connection ended before the reply came; the command may have been executed."""


Reply: TypeAlias = object  # what hiredis makes of it: ReplyError if Redis refused; else an exception if there is none


def pack(*words: str | int) -> bytes:
    """A command as it is sent."""
    packed: bytes = pack_command(words)  # type: ignore[arg-type]  # its stub accepts tuples of one element only
    return packed


class _Sharers(list["asyncio.Future[Reply]"]):
    """The callers of one command, in place of one future."""

    def done(self) -> bool:
        return False

    def set_result(self, reply: Reply) -> None:
        for future in self:
            if not future.done():
                future.set_result(reply)


class RedisConnection(asyncio.Protocol):
    """One socket; once it is lost it stays lost. A future's result is the reply, or why there is none; it never raises.

    A command without a reply after `timeout_s` seconds ends the connection, since no later reply can come before it.
    Before that, once `limit_wait` was called, the connection stalls: all who wait are told that Redis does not answer,
    and `accepts` is false until a reply comes. Redis may execute their commands all the same, as after a timeout.
    `on_changed` is called in the moment at which it is known that the connection is lost or the server's data are. Of a
    cluster's node (`in_cluster`) the server tells the writing of any key that begins as `RUN_KEY`.
    """

    def __init__(self, timeout_s: float, on_changed: Callable[[], None], *, in_cluster: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout_s = self._wait_s = timeout_s
        self._on_changed = on_changed
        self._in_cluster = in_cluster
        self._reader = Reader(notEnoughData=_INCOMPLETE)
        self.in_flight: deque[tuple[asyncio.Future[Reply] | _Sharers, float]] = deque()  # commands without a reply
        self._unsent: list[bytes] = []
        self._shared: dict[bytes, _Sharers] = {}  # of the unsent commands
        self._transport: asyncio.WriteTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._overdue: object = None
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.is_lost = self.is_stalled = False
        self.accepts = True  # whether it is neither lost nor stalled
        self.sentinel_address: tuple[str, int] | None = None  # of the server, as Sentinel gave it
        self.on_recovered: Callable[[], None] | None = None  # called when a stall has ended

    def limit_wait(self, wait_s: float) -> None:
        """From now on, stall when a command has no reply after so long."""
        self._wait_s = min(wait_s, self._timeout_s)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._loop.call_later(self._wait_s, self._check_oldest)

    def call(self, command: bytes, future: "asyncio.Future[Reply]", *, shared: bool) -> None:
        """Send a packed command in this round of the loop; equal `shared` commands of one round are sent once."""
        sink: asyncio.Future[Reply] | _Sharers = future
        if shared:
            sharers = self._shared.get(command)
            if sharers is not None:
                sharers.append(future)
                return
            sink = self._shared[command] = _Sharers([future])
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(command)
        self.in_flight.append((sink, self._loop.time()))

    def ask(self, *words: str | int) -> "asyncio.Future[Reply]":
        """Send a command of the connection itself."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        self.call(pack(*words), future, shared=False)
        return future

    def _send(self) -> None:
        if self._transport is not None and not self.is_lost:
            self._transport.write(b"".join(self._unsent))
            if self._timer is None:
                self._timer = self._loop.call_later(self._wait_s, self._check_oldest)
        self._unsent.clear()
        self._shared.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        reader, in_flight = self._reader, self.in_flight
        if self.is_stalled:
            self.is_stalled, self.accepts = False, not self.is_lost
            if self.on_recovered is not None:
                self.on_recovered()
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _INCOMPLETE:
                if type(reply) is PushNotification:
                    self._on_push(reply)
                    continue
                future, _ = in_flight.popleft()
                if not future.done():  # else its caller was cancelled
                    future.set_result(reply)
        except (HiredisError, IndexError) as error:
            self.lose(error)

    def _on_push(self, message: PushNotification) -> None:
        """RUN_KEY was written or deleted: the server has forgotten its holds. It tells that once for each reading."""
        if message[0] != b"invalidate":
            return
        if not self._in_cluster:
            self._on_changed()
            self._watch_run_key()
        elif message[1] is None or not all(key.endswith(KEPT_SINCE) for key in message[1]):  # None: FLUSHALL
            self._on_changed()

    def watch(self) -> None:
        """Have the server tell when RUN_KEY changes; one that cannot do so answers with errors.

        In a cluster, its slot may move to another node, and another key take its place: so all of them are watched.
        """
        if self._in_cluster:
            self.ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", RUN_KEY)
        else:
            self.ask("CLIENT", "TRACKING", "ON", "OPTIN")

    def _watch_run_key(self) -> None:
        self.ask("CLIENT", "CACHING", "YES")
        self.ask("GET", RUN_KEY)

    def watch_run_key(self) -> None:
        """After DETECT_RESTART, which may write it."""
        if not self._in_cluster:
            self._watch_run_key()

    def eof_received(self) -> None:
        """Part of asyncio.Protocol."""
        self.lose(ConnectionResetError("Redis has closed the connection"))

    def connection_lost(self, error: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        self.lose(error or ConnectionAbortedError("the connection was closed"))
        if not self.closed.done():
            self.closed.set_result(None)

    def lose(self, error: Exception) -> None:
        """End the connection; every command in flight has the error as its result."""
        if self.is_lost:
            return
        self.is_lost, self.accepts = True, False
        self._on_changed()
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        lost, self.in_flight = self.in_flight, deque()
        self._unsent.clear()
        now = self._loop.time()
        for future, sent_at in lost:
            if not future.done():
                kind = TimeoutError if now - sent_at >= self._timeout_s else ConnectionLost
                failure = kind(*error.args)
                failure.__cause__ = error
                future.set_result(failure)

    def _check_oldest(self) -> None:
        self._timer = None
        if not self.in_flight:
            return
        oldest = self.in_flight[0]
        limit_s = self._timeout_s if self.is_stalled else self._wait_s
        left_s = oldest[1] + limit_s - self._loop.time()
        if left_s <= 0 and oldest is self._overdue:
            if limit_s == self._timeout_s:
                self.lose(TimeoutError("no reply in time"))
                return
            self._stall()
            left_s = max(GRACE_S, oldest[1] + self._timeout_s - self._loop.time())
        # An overdue reply may have arrived while this process stood still, and not be read yet.
        self._overdue = oldest if left_s <= 0 else None
        self._timer = self._loop.call_later(left_s if left_s > 0 else GRACE_S, self._check_oldest)

    def _stall(self) -> None:
        """Tell all who wait that Redis does not answer; their places stay, for the replies that may come later."""
        self.is_stalled, self.accepts = True, False
        metrics.STALLS.value += 1
        for future, _ in self.in_flight:
            if not future.done():
                future.set_result(TimeoutError("Redis does not answer in time"))
