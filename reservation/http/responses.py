"""Answers whose whole body is known: written to the socket in one piece where nothing speaks against it."""

from collections.abc import Mapping
from decimal import Decimal
from email.utils import formatdate
from functools import cache
from http import HTTPStatus
from time import time
from uuid import UUID

import orjson
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE, HttpVersion11
from aiohttp.web_request import BaseRequest
from multidict import CIMultiDict

JSON = "application/json"
LARGE_BYTES = 2048  # from here on, copying the body costs more than naming two buffers to the kernel


class Reply(web.StreamResponse):
    """A response whose body is bytes.

    aiohttp's own Response spends half of a small request on building and serialising headers. This one writes head
    and body at once when the exchange is an ordinary one: HTTP/1.1, kept alive, not HEAD, an empty write buffer, and
    no signal that wants to change headers. Anything else goes through a web.Response, which knows all the rules.
    """

    def __init__(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        content_type: str | None = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._status = status
        self._given = headers
        self._stamps = ""
        self._merged: CIMultiDict[str] | None = None
        self._kind = content_type
        self._bytes = body
        self._plain: web.Response | None = None
        self._sent = False
        self._closes = False

    def force_close(self) -> None:
        """Close the connection after this response, which says so."""
        self._closes = True

    def stamp(self, request_id: str, server_timing: str) -> None:
        """Add the two headers that every answer has, as text: they are known to have nothing odd in them."""
        self._stamps = f"X-Request-ID: {request_id}\r\nServer-Timing: {server_timing}\r\n"

    @property
    def headers(self) -> "CIMultiDict[str]":
        """The headers but for those about the body; what is changed here is sent."""
        if self._merged is None:
            self._merged = CIMultiDict(self._given or ())
            for line in self._stamps.splitlines():
                name, _, value = line.partition(": ")
                self._merged[name] = value
            self._stamps = ""
        return self._merged

    @property
    def body(self) -> bytes:
        """What is sent after the head."""
        return self._bytes

    @property
    def prepared(self) -> bool:
        """Whether anything was sent."""
        return self._sent or self._plain is not None

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open."""
        return True if self._plain is None else self._plain.keep_alive

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Send all of it, or begin to."""
        if self._sent:
            return None
        transport = request.transport
        if (
            transport is not None
            and not transport.is_closing()
            and not transport.get_write_buffer_size()  # a client that does not read is aiohttp's to wait for
            and request.keep_alive
            and not self._closes
            and request.version == HttpVersion11
            and request.method != "HEAD"
            and not (isinstance(request, web.Request) and request.app.on_response_prepare)
        ):
            if len(self._bytes) < LARGE_BYTES:
                transport.write(self._head() + self._bytes)
            else:
                transport.writelines((self._head(), self._bytes))
            self._sent = True
            return None
        if self._plain is None:
            self._plain = web.Response(status=self._status, body=self._bytes or None, headers=self.headers)
            if self._kind is not None:
                self._plain.headers["Content-Type"] = self._kind
            if self._closes:
                self._plain.force_close()
        return await self._plain.prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Send what `prepare` left."""
        if self._plain is not None:
            await self._plain.write_eof(data)

    def _head(self) -> bytes:
        own = ""
        headers = self._given if self._merged is None else self._merged
        if headers:
            own = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
            if own.count("\n") != len(headers) or own.count("\r") != len(headers):
                raise ValueError("a header has a line break in it")
        length = "" if self._kind is None else f"Content-Length: {len(self._bytes)}\r\n"
        return f"{_start(self._status, self._kind)}{_date(int(time()))}{length}{own}{self._stamps}\r\n".encode(
            "latin-1"
        )


def encode(value: object) -> bytes:
    """A dataclass, list or dict as JSON: times in UTC with Z, money as a string with two digits."""
    return orjson.dumps(value, default=_json_form, option=orjson.OPT_UTC_Z)


def answer(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON response."""
    return Reply(encode(value), status=status, headers=headers)


def created(value: object, *, location: str) -> Reply:
    """A 201 with the address of what was made."""
    return answer(value, status=201, headers={"Location": location})


def versioned(body: bytes, *, etag: int | str) -> Reply:
    """A 200 in JSON that a client may keep, and has to ask about before it uses it again."""
    return Reply(body, headers={"ETag": f'"{etag}"', "Cache-Control": "no-cache"})


def unchanged(*, etag: int | str) -> Reply:
    """A 304: what the client has is still so."""
    return Reply(status=304, content_type=None, headers={"ETag": f'"{etag}"', "Cache-Control": "no-cache"})


def _json_form(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, UUID):  # asyncpg's own kind of it
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@cache
def _start(status: int, content_type: str | None) -> str:
    kind = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nServer: {SERVER_SOFTWARE}\r\n{kind}"


_today = (0, "")


def _date(now: int) -> str:
    global _today  # noqa: PLW0603 - one line a second, instead of one a response
    second, line = _today
    if second != now:
        line = f"Date: {formatdate(now, usegmt=True)}\r\n"
        _today = (now, line)
    return line
