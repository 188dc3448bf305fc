"""What the public pages read over and over: films, cinemas, and the showtimes to come; kept for some seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from ...http.replica_reads import NOTHING
from ..api_client import ApiClient
from ..cinemas import all_cinemas

# The numbers of seats left are up to 5 seconds old in the API's lists anyway.
KEEP_S = 5.0
MAX_KEPT = 256
MAX_MADE = 64
MAX_FILMS = 1000
MAX_SHOWTIMES = 600
DAYS_AHEAD = 14
PAST = "2000-01-01T00:00:00Z"

Json = Mapping[str, Any]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The showtimes of the next days, in the order of their start; the first ones, if there are too many."""

    showtimes: Sequence[Json]
    is_complete: bool
    # What was made of them, and is the same for all visitors; `remember` adds to it.
    made: dict[object, Any] = field(default_factory=dict)

    def remember(self, key: object, value: Value) -> Value:
        """Keep what was made of these showtimes, as long as they are kept."""
        while len(self.made) >= MAX_MADE:
            del self.made[next(iter(self.made))]
        self.made[key] = value
        return value


class Programme:
    """The answers to public calls of the API in the last seconds, for all visitors."""

    def __init__(self) -> None:
        self._kept: dict[object, tuple[float, Any]] = {}
        self._reading: dict[object, asyncio.Task[Any]] = {}
        self._written = NOTHING

    def __len__(self) -> int:
        """How many answers are kept."""
        return len(self._kept)

    def clear(self, written: str | None = None) -> None:
        """Read everything anew: something was changed; `written` is the Reservation-Written of that."""
        self._written = written or self._written
        self._kept.clear()
        self._reading.clear()

    def _api(self, request: web.Request) -> ApiClient:
        """The API as any visitor: what is kept for all has what an administrator has changed here."""
        return ApiClient(request, also_written=self._written)

    async def cinemas(self, request: web.Request) -> Mapping[int, Json]:
        """All cinemas by their ids, in the order of their names."""
        found = await self.kept("cinemas", lambda: all_cinemas(self._api(request)))
        return {each["id"]: each for each in sorted(found, key=lambda each: str(each["name"]).casefold())}

    async def films(self, request: web.Request) -> Mapping[int, Json]:
        """The films that have showtimes to come, by their ids."""
        api = self._api(request)
        found = await self.kept("films", lambda: api.every("/movies", now_showing="true", most=MAX_FILMS))
        return {each["id"]: each for each in found}

    async def film(self, request: web.Request, movie_id: str) -> Json:
        """One film; raises NotFound."""
        return await self.kept(("film", movie_id), lambda: self._api(request).get(f"/movies/{movie_id}"))

    async def upcoming(self, request: web.Request, cinema_id: int | None) -> Upcoming:
        """The showtimes of the next days, in one cinema or in all."""
        everywhere = await self._upcoming(request, None)
        if cinema_id is None:
            return everywhere
        if everywhere.is_complete:
            here = [each for each in everywhere.showtimes if each["cinema_id"] == cinema_id]
            return Upcoming(here, True, everywhere.made)
        return await self._upcoming(request, cinema_id)

    async def on_day(self, request: web.Request, day: date, cinema_id: int | None) -> Sequence[Json]:
        """The showtimes of a day of their cinema that have not begun, in one cinema or in all."""
        now = datetime.now(UTC).isoformat()
        query: dict[str, Any] = {"date": day.isoformat(), "from": now, "cinema_id": cinema_id}
        api = self._api(request)
        return await self.kept((day, cinema_id), lambda: api.every("/showtimes", most=MAX_SHOWTIMES, **query))

    async def of_film(self, request: web.Request, movie_id: str) -> Sequence[Json]:
        """The showtimes of a film that have not begun."""
        path, api = f"/movies/{movie_id}/showtimes", self._api(request)
        return await self.kept(("of_film", movie_id), lambda: api.every(path, most=MAX_SHOWTIMES))

    async def last_of_film(self, request: web.Request, movie_id: str) -> Json | None:
        """The latest showtime of a film that has none to come; None if it never had one."""
        query: dict[str, Any] = {"from": PAST, "sort": "-starts_at", "limit": 1}
        found = await self._api(request).get(f"/movies/{movie_id}/showtimes", **query)
        return next(iter(found["items"]), None)

    async def _upcoming(self, request: web.Request, cinema_id: int | None) -> Upcoming:
        async def read() -> Upcoming:
            now = datetime.now(UTC)
            # A day longer, since the last day begins later in some time zones.
            until = now + timedelta(days=DAYS_AHEAD + 1)
            query: dict[str, Any] = {"from": now.isoformat(), "to": until.isoformat(), "cinema_id": cinema_id}
            found = await self._api(request).every("/showtimes", most=MAX_SHOWTIMES, **query)
            return Upcoming(found, len(found) < MAX_SHOWTIMES)

        return await self.kept(("upcoming", cinema_id), read)

    async def kept(self, key: object, read: Callable[[], Awaitable[Value]]) -> Value:
        """What is kept, or read now: once for all who ask meanwhile, also if the first of them goes away."""
        self._drop_old()
        known: tuple[float, Value] | None = self._kept.get(key)  # a key always has values of one type
        if known is not None and time.monotonic() - known[0] < KEEP_S:
            return known[1]
        reading: asyncio.Task[Value] | None = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(_read(read))
            reading.add_done_callback(partial(self._finish, key, time.monotonic()))
        return await asyncio.shield(reading)

    def _finish(self, key: object, begun: float, reading: "asyncio.Task[Any]") -> None:
        if self._reading.get(key) is not reading:  # it was begun before a change
            return
        del self._reading[key]
        if not reading.cancelled() and reading.exception() is None:
            self._kept.pop(key, None)
            self._kept[key] = begun, reading.result()

    def _drop_old(self) -> None:
        """Drop what is too old, and the oldest of too much; nearly all is in the order of its age."""
        oldest = time.monotonic() - KEEP_S
        while self._kept:
            key, (begun, _value) = next(iter(self._kept.items()))
            if begun > oldest and len(self._kept) < MAX_KEPT:
                break
            del self._kept[key]


async def _read(read: Callable[[], Awaitable[Value]]) -> Value:
    return await read()


PROGRAMME: web.AppKey[Programme] = web.AppKey("PROGRAMME", Programme)
