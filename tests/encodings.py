"""Answers as they are sent, without the client's decompression."""

import gzip
from dataclasses import dataclass
from typing import Any

from tests.api import Api, Person

PLAIN, GZIP = "identity", "gzip"


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer as it was sent."""

    status: int
    headers: Any
    body: bytes

    @property
    def etag(self) -> str:
        return str(self.headers["ETag"])

    def decoded(self) -> bytes:
        return gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body


async def send(
    api: Api,
    method: str,
    path: str,
    encoding: str,
    *,
    who: Person | None = None,
    json: Any = None,
    headers: dict[str, str] | None = None,
) -> Raw:
    """Send a request with this Accept-Encoding."""
    sent = {"Accept-Encoding": encoding} | (headers or {}) | (who.headers if who else {})
    url = api.client.make_url(path)
    async with api.client.session.request(method, url, headers=sent, json=json, auto_decompress=False) as answer:
        return Raw(answer.status, answer.headers, await answer.read())
