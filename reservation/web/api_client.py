"""Calls of the JSON API's operations inside the process, as the user of a page."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage
from aiohttp.http_writer import HttpVersion11
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ..errors import ReauthenticationRequired, Unavailable
from ..http.output.responses import JSON
from ..http.replica_reads import NOTHING, WRITTEN
from .request_keys import ACCESS_TOKEN, LANGUAGE
from .sessions.written import keep_written, written_by

# What the limits on attempts and holds go by, when the service is behind a proxy.
KEPT_HEADERS = ("X-Forwarded-For",)
Query = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """The JSON of an answer, None if it has no body, and its ETag, quoted, None if it has none."""

    json: Any
    etag: str | None


class PasswordNeeded(Exception):
    """The API wants the password again: not a DomainError, which the pages show at their forms."""


class ApiClient:
    """The API, for one request of a page. Each call raises the domain error that the API would answer with.

    An operation is served as it is to other clients: its access is checked, its input validated, its change recorded.
    A call costs some 0.1 ms more than the operation.
    """

    def __init__(self, request: web.Request, *, also_written: str = NOTHING) -> None:
        """`also_written`: a Reservation-Written of another, whose writes are to be read as well."""
        self._request = request
        self._also_written = also_written

    async def get(self, path: str, **query: str | int | None) -> Any:
        """The JSON at a path; query parameters that are None or empty are left out."""
        return (await self.call("GET", path, query=query)).json

    async def post(self, path: str, body: Any = None, *, idempotency_key: str | None = None) -> Any:
        """Send JSON; an Idempotency-Key makes a repetition answer as the first time."""
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return (await self.call("POST", path, body=body, headers=headers)).json

    async def put(self, path: str, body: Any, *, etag: str | None = None) -> Any:
        """Replace a resource; with the ETag that was read, raises PreconditionFailed if it has changed since then."""
        headers = {} if etag is None else {"If-Match": etag}
        return (await self.call("PUT", path, body=body, headers=headers)).json

    async def delete(self, path: str, *, body: Any = None, etag: str | None = None) -> Any:
        """Delete a resource; an ETag as for `put`."""
        headers = {} if etag is None else {"If-Match": etag}
        return (await self.call("DELETE", path, body=body, headers=headers)).json

    async def every(self, path: str, *, most: int, **query: str | int | None) -> list[Any]:
        """The items of a list over its pages, at most so many."""
        items: list[Any] = []
        cursor: str | None = None
        while len(items) < most:
            page = await self.get(path, **query, limit=min(most - len(items), 200), cursor=cursor)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return items

    async def call(
        self, method: str, path: str, *, query: Query | None = None, body: Any = None, headers: Mapping[str, str] = {}
    ) -> ApiAnswer:
        """Any operation."""
        response = await self.respond(method, path, query=query, body=body, headers=headers)
        raw = getattr(response, "body", None)
        if response.status >= HTTPStatus.BAD_REQUEST:  # an error that the operation does not raise but answers
            raise RuntimeError(f"{method} {path}: {response.status}")
        return ApiAnswer(orjson.loads(raw) if raw else None, response.headers.get("ETag"))

    async def respond(
        self, method: str, path: str, *, query: Query | None = None, body: Any = None, headers: Mapping[str, str] = {}
    ) -> web.StreamResponse:
        """The response of an operation; a stream is sent to the page's own client."""
        app = self._request.app
        sent = {name: text for name, text in (query or {}).items() if text not in (None, "")}
        url = URL.build(path=path, query=sent)
        inner = self._inner_request(method, url, body, headers)
        match = await app.router.resolve(inner)
        match.add_app(app)
        inner._match_info = match  # noqa: SLF001 - as aiohttp's Application does
        try:
            response = await match.handler(inner)
        except ReauthenticationRequired as error:
            raise PasswordNeeded from error
        except Unavailable:
            if method != "GET":
                keep_written(self._request, None)
            raise
        if method != "GET":
            keep_written(self._request, response)
        return response

    def _inner_request(self, method: str, url: URL, body: Any, headers: Mapping[str, str]) -> web.Request:
        outer, given = self._request, CIMultiDict(headers)
        for name in KEPT_HEADERS:
            for text in outer.headers.getall(name, ()):
                given.add(name, text)
        if LANGUAGE in outer:  # a picture has none
            given["Accept-Language"] = str(outer[LANGUAGE].locale).replace("_", "-")
        if (token := outer[ACCESS_TOKEN]) is not None:
            given["Authorization"] = f"Bearer {token}"
        if (written := written_by(outer)) is not None:
            given[WRITTEN] = f"{written},{self._also_written}"
        payload = EMPTY_PAYLOAD
        if body is not None:
            encoded = _encoded(body)
            given["Content-Type"], given["Content-Length"] = JSON, str(len(encoded))
            payload = StreamReader(outer.protocol, len(encoded) + 1, loop=asyncio.get_running_loop())
            payload.feed_data(encoded)
            payload.feed_eof()
        fields = tuple((name.encode(), text.encode(errors="surrogateescape")) for name, text in given.items())
        message = RawRequestMessage(
            method, str(url), HttpVersion11, CIMultiDictProxy(given), fields, False, None, False, False, url
        )
        return web.Request(
            message,
            payload,
            outer.protocol,
            outer.writer,
            outer.task,
            asyncio.get_running_loop(),
            client_max_size=max(outer.client_max_size, 1),
            scheme=outer.scheme,
            host=outer.host,
            remote=outer.remote,
        )


def _encoded(body: Any) -> bytes:
    """JSON, also of a number or of nesting that is too much for orjson, so that the API says what is wrong."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body).encode()
