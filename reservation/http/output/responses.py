"""JSON responses whose whole body is known, sent with one write."""

from collections.abc import Mapping
from decimal import Decimal
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from uuid import UUID

import orjson
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11
from aiohttp.web_request import BaseRequest
from multidict import CIMultiDict

JSON = "application/json"
SERVER = "reservation"  # without a version, which would tell an attacker which defects to try
# Of every response; browsers must not guess another media type than that of the response.
FIXED_HEADERS = {"Server": SERVER, "X-Content-Type-Options": "nosniff"}
NO_STORE = "no-store"
NO_STORE_LINE = f"Cache-Control: {NO_STORE}\r\n"
FIXED_LINES = "".join(f"{name}: {value}\r\n" for name, value in FIXED_HEADERS.items())
# A browser that is led to an answer of the API shows it as a page: nothing in it is loaded, and no page frames it.
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
LARGE_BYTES = 2048  # from this size on, copying the body costs more than passing two buffers to the kernel


class SingleWriteResponse(web.StreamResponse):
    """A response whose body is bytes; it costs some 7 us less than aiohttp's own (see benchmarks/NOTES.md).

    It formats its head itself and writes head and body at once, if the exchange is an ordinary one: HTTP/1.1, kept
    alive, not HEAD, an empty write buffer, and no signal that changes headers. Else it passes all to a web.Response.
    """

    _merged_headers: CIMultiDict[str] | None = None  # once `headers` was used; replaces the initial and common ones
    _fallback: web.Response | None = None
    _sent = False
    _closes_connection = False
    problem_code: str | None = None  # of problem details
    is_negotiated = False  # whether the handler has chosen between the plain and the compressed body

    def __init__(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        content_type: str | None = JSON,
        headers: Mapping[str, str] | None = None,
        lines: str = "",
    ) -> None:
        self._status = status
        self.body = body
        self._media_type = content_type
        self._initial_headers = headers
        self._lines = lines  # further headers in the form in which they are sent

    def force_close(self) -> None:
        """Close the connection after this response, which says so."""
        self._closes_connection = True

    def set_common_headers(
        self, request_id: str, server_timing: str, further_lines: str, *, is_private: bool = False
    ) -> None:
        """Set the headers that every response has, and no-store if it is private; no value may contain a line break.

        `further_lines` are in the form in which they are sent.
        """
        if is_private:
            if self._lines or self._merged_headers is not None or self._initial_headers:
                self.forbid_storing()
            else:
                self._lines = NO_STORE_LINE
        self._lines += f"X-Request-ID: {request_id}\r\nServer-Timing: {server_timing}\r\n{further_lines}"

    def forbid_storing(self) -> None:
        """Let no cache store it, a browser's included."""
        if NO_STORE_LINE in self._lines:
            return
        if self._merged_headers is None and not self._initial_headers and "Cache-Control" not in self._lines:
            self._lines += NO_STORE_LINE
        elif "no-store" not in self.headers.get("Cache-Control", ""):
            self.headers["Cache-Control"] = NO_STORE

    @property
    def headers(self) -> "CIMultiDict[str]":
        """The headers except Content-Type and Content-Length; they may be changed until the response is sent."""
        if self._merged_headers is None:
            self._merged_headers = CIMultiDict(self._initial_headers or ())
        for line in self._lines.splitlines():
            name, _, value = line.partition(": ")
            self._merged_headers[name] = value
        self._lines = ""
        return self._merged_headers

    @property
    def prepared(self) -> bool:
        """Whether sending has begun."""
        return self._sent or self._fallback is not None

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open."""
        return True if self._fallback is None else self._fallback.keep_alive

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Send all of it, or begin to."""
        if self._sent:
            return None
        transport = request.transport
        if (
            transport is not None
            and not transport.is_closing()
            and not transport.get_write_buffer_size()  # aiohttp waits for a client that does not read
            and request.keep_alive
            and not self._closes_connection
            and request.version == HttpVersion11
            and request.method != "HEAD"
            and not ((app := getattr(request, "app", None)) and app.on_response_prepare)
        ):
            if len(self.body) < LARGE_BYTES:
                transport.write(self._head() + self.body)
            else:
                transport.writelines((self._head(), self.body))
            self._sent = True
            return None
        if self._fallback is None:
            self._fallback = web.Response(status=self._status, body=self.body or None, headers=self.headers)
            self._fallback.headers.update(FIXED_HEADERS)
            if self._media_type is not None:
                self._fallback.headers["Content-Type"] = self._media_type
                if _is_json(self._media_type):
                    self._fallback.headers["Content-Security-Policy"] = API_POLICY
            if self._closes_connection:
                self._fallback.force_close()
        return await self._fallback.prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the rest, if any."""
        if self._fallback is not None:
            await self._fallback.write_eof(data)

    def _head(self) -> bytes:
        headers = self._initial_headers if self._merged_headers is None else self._merged_headers
        own = _formatted(headers) if headers else ""
        length = "" if self._media_type is None else f"Content-Length: {len(self.body)}\r\n"
        start = start_of_head(self._status, self._media_type, int(time()))
        return f"{start}{length}{own}{self._lines}\r\n".encode("latin-1")


def encode(value: object) -> bytes:
    """A dataclass, list or dict as JSON: times in UTC with Z, money as a string with two digits."""
    return orjson.dumps(value, default=_json_form, option=orjson.OPT_UTC_Z)


def json_response(value: object, *, headers: Mapping[str, str] | None = None) -> SingleWriteResponse:
    """A 200 with JSON."""
    return SingleWriteResponse(encode(value), headers=headers)


def created_response(value: object, *, location: str) -> SingleWriteResponse:
    """A 201 with JSON and the address of the new resource."""
    return SingleWriteResponse(encode(value), status=201, lines=f"Location: {location}\r\n")


def cacheable_response(body: bytes, *, etag: int | str) -> SingleWriteResponse:
    """A 200 with JSON that a client may store, and must revalidate before each use."""
    return SingleWriteResponse(body, lines=f'ETag: "{etag}"\r\nCache-Control: no-cache\r\n')


def not_modified(*, etag: int | str) -> SingleWriteResponse:
    """A 304 for a client that has the current representation."""
    lines = f'ETag: "{etag}"\r\nCache-Control: no-cache\r\n'
    return SingleWriteResponse(status=304, content_type=None, lines=lines)


def _json_form(value: object) -> str:
    if isinstance(value, UUID):  # asyncpg's subclass, which orjson does not take
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _formatted(headers: Mapping[str, str]) -> str:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ValueError("a header has a line break in it")
    return lines


def _is_json(content_type: str) -> bool:
    return content_type.endswith("json")


@lru_cache(maxsize=64)  # made once a second for each kind of response
def start_of_head(status: int, content_type: str | None, second: int) -> str:
    """The status line and the headers that all answers of a second have in common."""
    kind = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    if content_type is not None and _is_json(content_type):
        kind += f"Content-Security-Policy: {API_POLICY}\r\n"
    start = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{FIXED_LINES}"
    return f"{start}{kind}Date: {formatdate(second, usegmt=True)}\r\n"
