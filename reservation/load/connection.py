"""One HTTP/1.1 connection: it sends a request, parses its answer, and is then free for the next."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, cast

import orjson

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:[^\r]*close", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)[ \r]")


@dataclass(slots=True)
class Answer:
    """What became of a request: an answer, or with status 0 the kind of fault. Instants are time.monotonic()'s."""

    status: int
    fault: str
    head: bytes
    body: bytes
    sent_at: float
    ended_at: float

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in any case."""
        found = re.search(rb"\r\n" + re.escape(name.encode()) + rb":[ \t]*([^\r]*)", self.head, re.IGNORECASE)
        return None if found is None else found[1].decode("latin-1").strip()

    def json(self) -> Any:
        """The parsed body; None where it is no JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    @property
    def code(self) -> str:
        """The problem's stable code, or the kind of fault; empty for success."""
        if not self.status:
            return self.fault
        if self.status < 400:
            return ""
        problem = self.json()
        return str(problem.get("code", "")) if isinstance(problem, dict) else ""


@dataclass(slots=True)
class Exchange:
    """A request, and the callback that gets its answer."""

    request: bytes
    done: Callable[[Answer], None]
    deadline: float
    sent_at: float = 0.0


@dataclass(slots=True)
class _Reading:
    """How far the answer has come; `missing` counts bytes of the body, None while there is no length."""

    data: bytes = b""
    head: bytes = b""
    status: int = 0
    missing: int | None = None
    chunked: bool = False
    pieces: list[bytes] = field(default_factory=list)


class MalformedAnswer(Exception):
    """The answer is not valid HTTP/1.1."""


class Connection(asyncio.Protocol):
    """A keep-alive connection; `freed` is called after each exchange, `lost` when it is closed."""

    def __init__(self, freed: Callable[["Connection"], None], lost: Callable[["Connection"], None]) -> None:
        self._freed, self._lost = freed, lost
        self._transport: asyncio.Transport | None = None
        self._reading = _Reading()
        self.exchange: Exchange | None = None

    def start(self, exchange: Exchange) -> None:
        """Send a request; only when no other is under way."""
        self.exchange = exchange
        exchange.sent_at = monotonic()
        if self._transport is not None:
            self._transport.write(exchange.request)

    def abort(self, fault: str) -> None:
        """Give up the exchange, if any, and the connection with it."""
        if self._transport is not None:
            self._transport.abort()
        self._fail(fault)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio: connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it

    def connection_lost(self, _: Exception | None) -> None:
        """Called by asyncio: closed, which ends an answer without a length, and is a fault else."""
        reading = self._reading
        if self.exchange is not None and reading.head and reading.missing is None and not reading.chunked:
            self._finish(reading.status, reading.head, b"".join(reading.pieces), reusable=False)
        self._fail("connection_lost")
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: the next piece of an answer."""
        if self.exchange is None:
            self.abort("")  # no request: what follows could not be told from its answer
            return
        try:
            self._take(data)
        except MalformedAnswer:
            self.abort("malformed_answer")

    def _take(self, data: bytes) -> None:
        reading = self._reading
        if not reading.head:
            data = reading.data + data if reading.data else data
            if not self._take_head(data):
                return
            data = reading.data
            reading.data = b""
        if reading.chunked:
            reading.data += data
            self._take_chunks()
            return
        reading.pieces.append(data)
        if reading.missing is None:
            if sum(map(len, reading.pieces)) > MAX_ANSWER_BYTES:
                raise MalformedAnswer
            return
        reading.missing -= len(data)
        if reading.missing < 0:  # no pipelining: nothing may follow the body
            raise MalformedAnswer
        if reading.missing == 0:
            body = data if len(reading.pieces) == 1 else b"".join(reading.pieces)
            self._finish(reading.status, reading.head, body, reusable=_CLOSE.search(reading.head) is None)

    def _take_head(self, data: bytes) -> bool:
        """Whether the head is there; the beginning of the body is then in `reading.data`."""
        reading = self._reading
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > MAX_HEAD_BYTES:
                    raise MalformedAnswer
                reading.data = data
                return False
            status = _STATUS.match(data)
            if status is None:
                raise MalformedAnswer
            reading.status, reading.head, reading.data = int(status[1]), data[: end + 2], data[end + 4 :]
            if reading.status >= 200:
                break
            data = reading.data  # 100 Continue and its like: the answer proper is still to come
            reading.head = b""
        length = _LENGTH.search(reading.head)
        if reading.status in (204, 304):
            reading.missing = 0
        elif _CHUNKED.search(reading.head):
            reading.chunked = True
        elif length is not None:
            reading.missing = int(length[1])
            if reading.missing > MAX_ANSWER_BYTES:
                raise MalformedAnswer
        return True

    def _take_chunks(self) -> None:
        reading = self._reading
        while True:
            size_line, separator, rest = reading.data.partition(b"\r\n")
            if not separator:
                return
            try:
                size = int(size_line.partition(b";")[0], 16)
            except ValueError:
                raise MalformedAnswer from None
            if size < 0 or size + sum(map(len, reading.pieces)) > MAX_ANSWER_BYTES:
                raise MalformedAnswer
            if size == 0:
                if not (rest == b"\r\n" or rest.endswith(b"\r\n\r\n")):
                    return  # trailers are under way
                body = b"".join(reading.pieces)
                self._finish(reading.status, reading.head, body, reusable=_CLOSE.search(reading.head) is None)
                return
            if len(rest) < size + 2:
                return
            reading.pieces.append(rest[:size])
            reading.data = rest[size + 2 :]

    def _finish(self, status: int, head: bytes, body: bytes, *, reusable: bool) -> None:
        exchange, self.exchange = self.exchange, None
        self._reading = _Reading()
        if exchange is None:
            return
        if not reusable and self._transport is not None:
            self._transport.close()
        answer = Answer(status, "", head, body, exchange.sent_at, monotonic())
        if reusable:
            self._freed(self)
        exchange.done(answer)

    def _fail(self, fault: str) -> None:
        exchange, self.exchange = self.exchange, None
        self._reading = _Reading()
        if exchange is not None:
            exchange.done(Answer(0, fault, b"", b"", exchange.sent_at, monotonic()))
