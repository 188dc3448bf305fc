"""A client of the live feed: reads Server-Sent Events and keeps the map up to date."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse, ClientTimeout

from tests.api import Api

PATIENCE_S = 60.0
FOREVER = ClientTimeout()
LONGEST_LINE = 4 * 1024 * 1024  # a map of 10,000 seats


@dataclass(frozen=True, slots=True)
class Event:
    """One event, as an EventSource gives it."""

    kind: str
    id: int | None
    data: Any

    @property
    def statuses(self) -> dict[int, str]:
        """Status by seat id."""
        return {seat["id"]: seat["status"] for seat in self.data["seats"]}


@dataclass(slots=True)
class Stream:
    """An open stream, with the number of comments and the last `retry`."""

    response: ClientResponse
    comments: int = 0
    retry_ms: int | None = None

    async def next(self) -> Event | None:
        """The next event; None when the service has ended the stream."""
        async with asyncio.timeout(PATIENCE_S):
            lines = await self._block()
        if lines is None:
            return None
        found = dict(line.split(": ", 1) for line in lines)
        assert {"event", "data"} <= found.keys() <= {"event", "data", "id", "retry"}, lines
        assert ("retry" in found) is (self.retry_ms is None), "retry comes with the first event"
        if "retry" in found:
            self.retry_ms = int(found["retry"])
        number = int(found["id"]) if "id" in found else None
        return Event(found["event"], number, json.loads(found["data"]))

    async def until(self, statuses: dict[int, str]) -> None:
        """Read events until one shows these statuses: a change, or the whole map."""
        while (event := await self.next()) is None or not statuses.items() <= event.statuses.items():
            assert event is not None, "the stream has ended"

    async def _block(self) -> list[str] | None:
        lines: list[str] = []
        while line := await self.response.content.readline():
            if line == b"\n":
                return lines
            if line.startswith(b":"):
                self.comments += 1
            else:
                lines.append(line.decode().rstrip("\n"))
        return None


@dataclass(slots=True)
class Follower:
    """A map that is kept up to date as a browser does it: apply every event, remember the last id."""

    version: int | None = None
    statuses: dict[int, str] = field(default_factory=dict)
    snapshots: int = 0
    changes: int = 0

    def apply(self, event: Event) -> None:
        """Apply an event."""
        assert event.id is not None
        assert event.id == event.data["version"]
        assert self.version is None or event.id >= self.version, "versions never decrease"
        self.version = event.id
        if event.kind == "snapshot":
            self.snapshots += 1
            self.statuses = event.statuses
        else:
            assert event.kind == "seats"
            assert event.statuses.keys() <= self.statuses.keys()
            self.changes += 1
            self.statuses |= event.statuses

    async def follow_until(self, stream: Stream, statuses: dict[int, str], version: int) -> None:
        """Apply events until the map has these statuses at this version or a later one."""
        while self.statuses != statuses or (self.version or 0) < version:
            event = await stream.next()
            assert event is not None, "the stream has ended"
            self.apply(event)


@asynccontextmanager
async def following(api: Api, showtime_id: int, *, known: int | None = None, query: str = "") -> AsyncIterator[Stream]:
    """Open the feed, and check its response against the OpenAPI document."""
    headers = {} if known is None else {"Last-Event-ID": str(known)}
    path = f"/showtimes/{showtime_id}/events{query}"
    async with api.client.get(path, headers=headers, timeout=FOREVER, read_bufsize=LONGEST_LINE) as response:
        document = await api.document()
        bare = path.partition("?")[0]
        assert response.status == 200, await response.text()
        document.check_answer("GET", bare, response.status, response.headers, "", response.content_type)
        api.succeeded.add(("GET", "/showtimes/{showtime_id}/events"))
        yield Stream(response)


async def shown(api: Api, showtime_id: int, query: str = "") -> Any:
    """The map as a GET answers it."""
    answer = await api.call("GET", f"/showtimes/{showtime_id}/seats{query}")
    assert answer.status == 200, answer.text
    return answer.json
