"""One HTTP/1.1 connection: it sends a request, parses its answer, and is then free for the next."""

import asyncio
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
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
    """The answer to a request, or with status 0 the kind of fault. Instants are time.monotonic()'s."""

    status: int
    fault: str
    head: bytes
    body: bytes
    sent_at: float
    ended_at: float

    def retry_after_s(self, default: float) -> float:
        """The seconds of Retry-After; the default without it, or where it is a date."""
        value = self.header("Retry-After") or ""
        return float(value) if value.isdecimal() else default

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

    def fail(self, fault: str) -> None:
        """End without an answer; a request that was never sent counts as sent now."""
        now = monotonic()
        self.done(Answer(0, fault, b"", b"", self.sent_at or now, now))


class MalformedAnswer(Exception):
    """The answer is not valid HTTP/1.1."""


class Connection(asyncio.Protocol):
    """A keep-alive connection; `freed` is called after each exchange, `lost` when it is closed."""

    def __init__(self, freed: Callable[["Connection"], None], lost: Callable[["Connection"], None]) -> None:
        self._freed, self._lost = freed, lost
        self._transport: asyncio.Transport
        self._data = b""  # received and not parsed
        self._closed = False
        self._parser = self._parse()
        self.exchange: Exchange | None = None

    def start(self, exchange: Exchange) -> None:
        """Send a request; only when no other is under way."""
        self.exchange = exchange
        self._data, self._parser = b"", self._parse()
        exchange.sent_at = monotonic()
        self._transport.write(exchange.request)

    def abort(self, fault: str) -> None:
        """Give up the exchange, if any, and the connection with it."""
        self._transport.abort()
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.fail(fault)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio: connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it

    def connection_lost(self, _: Exception | None) -> None:
        """Called by asyncio: closed, which ends an answer without a length, and is a fault otherwise."""
        self._closed = True
        if self.exchange is not None:
            self._continue_parsing()
        self.abort("connection_lost")
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: the next piece of an answer."""
        if self.exchange is None:
            self.abort("")  # no request: what follows could not be told from its answer
            return
        self._data += data
        self._continue_parsing()

    def _continue_parsing(self) -> None:
        try:
            next(self._parser)
        except StopIteration as end:
            self._finish(*end.value)
        except MalformedAnswer:
            self.abort("malformed_answer")

    def _finish(self, status: int, head: bytes, body: bytes) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        answer = Answer(status, "", head, body, exchange.sent_at, monotonic())
        if self._closed or _CLOSE.search(head) is not None:
            self._transport.close()
        else:
            self._freed(self)
        exchange.done(answer)

    def _parse(self) -> Generator[None, None, tuple[int, bytes, bytes]]:
        """Parse an answer into status, head and body; each yield waits for more of `_data`, or for the close."""
        status, head = 0, b""
        while status < 200:  # 100 Continue and its like come before the final answer
            while (end := self._data.find(b"\r\n\r\n")) < 0:
                if len(self._data) > MAX_HEAD_BYTES:
                    raise MalformedAnswer
                yield
            status_line = _STATUS.match(self._data)
            if status_line is None:
                raise MalformedAnswer
            status, head, self._data = int(status_line[1]), self._data[: end + 2], self._data[end + 4 :]
        length = _LENGTH.search(head)
        if status not in (204, 304) and _CHUNKED.search(head):
            return status, head, (yield from self._parse_chunks())
        missing = 0 if status in (204, 304) else MAX_ANSWER_BYTES if length is None else int(length[1])
        if missing > MAX_ANSWER_BYTES:
            raise MalformedAnswer
        while len(self._data) < missing and not (self._closed and length is None):
            yield
        if len(self._data) > missing:  # no pipelining: nothing may follow the body
            raise MalformedAnswer
        return status, head, self._data

    def _parse_chunks(self) -> Generator[None, None, bytes]:
        pieces: list[bytes] = []
        total = 0
        while True:
            size_line, separator, rest = self._data.partition(b"\r\n")
            try:
                size = int(size_line.partition(b";")[0], 16) if separator else 0
            except ValueError:
                raise MalformedAnswer from None
            if size < 0 or total + size > MAX_ANSWER_BYTES:
                raise MalformedAnswer
            if separator and size == 0 and (rest == b"\r\n" or rest.endswith(b"\r\n\r\n")):  # with trailers
                return b"".join(pieces)
            if size and len(rest) >= size + 2:
                pieces.append(rest[:size])
                total += size
                self._data = rest[size + 2 :]
            else:
                yield
