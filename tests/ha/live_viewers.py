"""Viewers of a live map: each follows it over one stream after another, as an EventSource does."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp

from tests.histories.client import PAUSE_S
from tests.live_feed import FOREVER, LONGEST_LINE, Follower, Stream


@dataclass(slots=True)
class LiveViewer:
    """The map that a viewer sees, and when it has changed (seconds since 1970); an AssertionError ends `run`."""

    base: str
    showtime_id: int
    map: Follower = field(default_factory=Follower)
    changes: list[float] = field(default_factory=list)
    streams: int = 0

    async def run(self) -> None:
        """Follow the map until this is cancelled."""
        async with aiohttp.ClientSession(self.base, timeout=FOREVER, read_bufsize=LONGEST_LINE) as session:
            while True:
                with suppress(aiohttp.ClientError, TimeoutError):  # the next stream begins where this one has ended
                    await self._follow(session)
                await asyncio.sleep(PAUSE_S)

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        headers = {} if self.map.version is None else {"Last-Event-ID": str(self.map.version)}
        async with session.get(f"/showtimes/{self.showtime_id}/events", headers=headers) as response:
            if response.status != 200:
                return  # 503 while Redis is away
            self.streams += 1
            stream = Stream(response)
            while (event := await stream.next()) is not None and event.kind != "reconnect":
                before = dict(self.map.statuses)
                self.map.apply(event)
                if self.map.statuses != before:
                    self.changes.append(time.time())

    def has_changed_since(self, start: float) -> bool:
        """Whether it has seen a change since that time."""
        return bool(self.changes) and self.changes[-1] > start
