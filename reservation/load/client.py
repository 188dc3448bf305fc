"""A minimal HTTP client: a bounded pool of keep-alive connections, a bounded wait for one, and callbacks.

The generator shares its machine with the service, and a request costs a general client several times the CPU.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

import orjson

from .connection import Answer, Connection, Exchange
from .target import Target

SWEEP_EVERY_S = 0.1  # how late a timeout may be noticed
CONNECT_TIMEOUT_S = 10.0
# OpenSSL's reasons, which differ by version, for an answer that is no TLS.
NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}


class Client:
    """Sends requests to one target; each gets an Answer, a fault included."""

    def __init__(
        self, target: Target, *, connections: int, timeout_s: float, queue_timeout_s: float | None = None
    ) -> None:
        self.target = target
        self.limit = connections
        self._timeout_s = timeout_s
        self._queue_timeout_s = queue_timeout_s or timeout_s
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._waiting: deque[Exchange] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._sweeping = self._loop.call_later(SWEEP_EVERY_S, self._sweep)
        self._closed = False
        self._idle_event = asyncio.Event()
        self.in_flight = 0  # sent or waiting for a connection
        self.broken: Exception | None = None  # the first exception out of a callback

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every connection; requests under way fail."""
        self._closed = True
        self._sweeping.cancel()
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        while self._waiting:
            self._waiting.popleft().fail("connection_lost")
        for connection in self._open:
            connection.abort("connection_lost")
        await asyncio.sleep(0)  # the loop calls connection_lost

    def send(self, request: bytes, done: Callable[[Answer], None]) -> None:
        """Send a request as soon as a connection is free; `done` is called with the answer."""
        self.in_flight += 1
        exchange = Exchange(request, partial(self._end, done), monotonic() + self._queue_timeout_s)
        if self._idle:
            self._start(self._idle.pop(), exchange)
        else:
            self._waiting.append(exchange)
            self._grow()

    async def fetch(self, request: bytes) -> Answer:
        """Send a request and wait for its answer."""
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        self.send(request, lambda answer: None if waiter.done() else waiter.set_result(answer))
        return await waiter

    async def call(self, method: str, path: str, *, token: str = "", body: Any = None) -> Answer:
        """Make a request, with a JSON body unless it is None, and wait for its answer."""
        content = b"" if body is None else orjson.dumps(body)
        return await self.fetch(self.target.request(method, path, token=token, body=content))

    async def idle(self) -> None:
        """Wait until nothing is in flight; the timeouts bound it."""
        while self.in_flight:
            self._idle_event.clear()
            await self._idle_event.wait()

    def _start(self, connection: Connection, exchange: Exchange) -> None:
        exchange.deadline = monotonic() + self._timeout_s
        connection.start(exchange)

    def _end(self, done: Callable[[Answer], None], answer: Answer) -> None:
        self.in_flight -= 1
        if not self.in_flight:
            self._idle_event.set()
        try:
            done(answer)
        except Exception as error:  # kept for the caller: the event loop would only print it and go on
            self.broken = self.broken or error

    def _grow(self) -> None:
        """Open as many connections as are wanted and allowed."""
        wanted = min(len(self._waiting), self.limit - len(self._open))
        while len(self._opening) < wanted and not self._closed:
            task = self._loop.create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        self._grow()  # if it failed, requests still wait

    async def _connect(self) -> None:
        target = self.target
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._freed, self._lost), target.host, target.port, ssl=target.tls
                )
        except (OSError, TimeoutError) as error:
            if self._waiting:
                self._waiting.popleft().fail(_fault(error))
            return
        self._open.add(connection)
        self._freed(connection)

    def _freed(self, connection: Connection) -> None:
        if connection in self._open and self._waiting:
            self._start(connection, self._waiting.popleft())
        elif connection in self._open:
            self._idle.append(connection)

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._grow()

    def _sweep(self) -> None:
        now = monotonic()
        self._sweeping = self._loop.call_later(SWEEP_EVERY_S, self._sweep)
        while self._waiting and self._waiting[0].deadline < now:
            self._waiting.popleft().fail("connection_wait_timeout")
        for connection in list(self._open):
            if connection.exchange is not None and connection.exchange.deadline < now:
                self._open.discard(connection)
                connection.abort("timeout")


def _fault(error: OSError | TimeoutError) -> str:
    if isinstance(error, ssl.SSLError):
        return "plain_http" if error.reason in NO_TLS else "tls_error"
    faults = {TimeoutError: "connect_timeout", ConnectionRefusedError: "connection_refused"}
    return "name_not_resolved" if isinstance(error, socket.gaierror) else faults.get(type(error), "connect_failed")
