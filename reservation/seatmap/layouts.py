"""The seats and prices of showtimes, kept in the process.

A showtime is an entry of some 200 bytes that refers to its room; rooms are kept by plan version and price. A hold is
inserted at the `layout_version` of its entry, which PostgreSQL checks; a seat map reads the versions anew.

What was used last is kept: of two generations, the older one is dropped when the recent one is full, and what is used
in between moves to the recent one. So MAX_SHOWTIMES showtimes stay, or those with rooms of MAX_SEATS seats, and at most
twice as many; a look-up costs no more than that of a dictionary.
"""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import orjson
from orjson import Fragment

from ..db.pool import Connection, Database
from ..db.repository import auditoriums, showtimes
from ..db.repository.reservation_rows import NamedRow, ReservedCinema, ReservedMovie
from ..db.repository.showtimes import ShowtimeLayout
from ..errors import DatabaseUnavailable
from ..holds.map_versions import MapVersions
from ..holds.prime import Prime
from ..runtime.batching import Batcher
from .priming import prime_of
from .rooms import Plan, Room, RoomKey, plan_of, room_of
from .ticket_types import TicketTypes

MAX_SHOWTIMES = 100_000  # some 200 bytes each, and 1,000 of a room at a price that is not kept yet
MAX_SEATS = 200_000  # of plans, 12 to 120 bytes each; each price of a room counts as one, too
READ_AT_ONCE = 256
FIRST_AT_ONCE = 64  # when a sale begins, many showtimes are touched for the first time
PLANS_AT_ONCE = 16
READING_TRIES = 3  # a plan may change between the two statements of a reading


Value = TypeVar("Value", bound=Hashable)


class Sale(NamedTuple):
    """When a showtime is sold, and what it shows of its times; one object for all showtimes that have the same."""

    on_sale_at: datetime | None
    sales_end_at: datetime
    is_cancelled: bool
    waiting_room: bool
    times_json: bytes  # its times and status in the JSON of a reservation


class Venue(NamedTuple):
    """What showtimes show of their auditorium, and its best row; one object for all of which it is the same."""

    focal_row: str | None
    json: bytes  # it and its cinema, in the JSON of a reservation


@dataclass(frozen=True, slots=True)
class Layout:
    """A showtime's seats and prices, as PostgreSQL has counted their changes."""

    layout_version: int
    sale: Sale
    room: Room
    showtime_id: int
    movie_json: bytes  # in the JSON of a reservation; one object for all showtimes of the movie
    venue: Venue

    @property
    def showtime(self) -> Fragment:
        """The showtime in the JSON of a reservation."""
        parts = self.showtime_id, self.sale.times_json, self.movie_json, self.venue.json
        return Fragment(b'{"id":%d,%b,%b,%b' % parts)

    @property
    def is_on_sale(self) -> bool:
        """By this process's clock, so a hint: PostgreSQL's decides."""
        on_sale_at, sales_end_at, is_cancelled, _, _ = self.sale
        now = datetime.now(UTC)
        return now < sales_end_at and (on_sale_at is None or on_sale_at <= now) and not is_cancelled


class FirstReading(NamedTuple):
    """What one statement has read of a showtime that Redis may not know; `row` has the taken seats if asked for."""

    layout: Layout
    row: ShowtimeLayout
    prime: Prime


@dataclass(slots=True)
class _Generation:
    """Showtimes, and the rooms that they refer to."""

    layouts: dict[int, Layout] = field(default_factory=dict)
    rooms: dict[RoomKey, Room] = field(default_factory=dict)
    plans: set[tuple[int, int]] = field(default_factory=set)
    shared: dict[Any, Any] = field(default_factory=dict)
    seats: int = 0

    def share(self, value: Value) -> Value:
        """The first value that was equal to this one."""
        first: Value = self.shared.setdefault(value, value)
        return first

    def add(self, showtime_id: int, layout: Layout) -> None:
        """Add a showtime, and its room."""
        self.layouts[showtime_id] = layout
        room = layout.room
        if room.key not in self.rooms:
            self.rooms[room.key] = room
            self.seats += len(room.prices)
        if room.key[:2] not in self.plans:
            self.plans.add(room.key[:2])
            self.seats += len(room.places)


class Layouts:
    """The layouts that were used last."""

    def __init__(self, database: Database, ticket_types: TicketTypes, versions: MapVersions) -> None:
        self._database, self._ticket_types, self._versions = database, ticket_types, versions
        self._recent, self._older = _Generation(), _Generation()
        self._plans: WeakValueDictionary[tuple[int, int], Plan] = WeakValueDictionary()
        self._loads: Batcher[int, Layout | None] = Batcher(self._load, max_batch=READ_AT_ONCE, name="layouts", lanes=2)
        self._first_loads: Batcher[tuple[int, bool], FirstReading | None] = Batcher(
            self._load_first, max_batch=FIRST_AT_ONCE, name="first_layouts", lanes=2
        )

    def known(self, showtime_id: int) -> Layout | None:
        """The layout of a showtime as it was when last read; None if it is not kept."""
        found = self._recent.layouts.get(showtime_id)
        if found is None:
            found = self._older.layouts.get(showtime_id)
            if found is not None:
                self._keep(showtime_id, found)
        return found

    def showtime(self, showtime_id: int, layout_version: int | None) -> Fragment | None:
        """A showtime in the JSON of a reservation, if its layout is kept at this version."""
        layout = self.known(showtime_id)
        return None if layout is None or layout.layout_version != layout_version else layout.showtime

    async def prepare(self) -> None:
        """Have PostgreSQL plan the reading of layouts, as BookingBatches.prepare does; raises DatabaseUnavailable."""
        async with self._database.connection() as conn:
            await showtimes.layouts(conn, showtime_ids=[], with_booked=False, with_holds=True)
            await auditoriums.plans(conn, known_versions={})

    async def load(self, showtime_id: int) -> Layout | None:
        """Read a layout, together with those of concurrent callers; None: there is no such showtime."""
        return await self._loads.submit(showtime_id)

    async def load_first(self, showtime_id: int, *, with_booked: bool = False) -> FirstReading | None:
        """Read a layout, and what Redis is primed with, in one statement; None: there is no such showtime."""
        return await self._first_loads.submit((showtime_id, with_booked))

    async def read(
        self, conn: Connection, showtime_ids: Sequence[int], *, with_booked: bool, with_holds: bool = False
    ) -> dict[int, tuple[Layout, ShowtimeLayout]]:
        """Read layouts, each with its row, which has the taken seats if asked for; nothing for an unknown showtime."""
        found: dict[int, tuple[Layout, ShowtimeLayout]] = {}
        missing = showtime_ids
        for _ in range(READING_TRIES):
            rows = await showtimes.layouts(conn, showtime_ids=missing, with_booked=with_booked, with_holds=with_holds)
            rooms = await self._rooms(conn, {_key(row) for row in rows})
            for row in rows:
                room = rooms.get(_key(row))
                if room is not None:
                    layout = Layout(
                        row.layout_version, self._sale(row), room, row.id, self._movie_json(row), self._venue(row)
                    )
                    self._keep(row.id, layout)
                    found[row.id] = layout, row
            missing = [row.id for row in rows if row.id not in found]
            if not missing:
                break
        else:
            raise DatabaseUnavailable
        for showtime_id in showtime_ids:
            if showtime_id not in found:
                self._recent.layouts.pop(showtime_id, None)
                self._older.layouts.pop(showtime_id, None)
        return found

    def forget(self) -> None:
        """PostgreSQL was restored, and versions may come again with other seats; or the standard type was renamed."""
        self._recent, self._older = _Generation(), _Generation()
        self._plans.clear()

    async def _load(self, showtime_ids: Sequence[int]) -> Sequence[Layout | Exception | None]:
        async with self._database.connection() as conn:
            found = await self.read(conn, list(dict.fromkeys(showtime_ids)), with_booked=False)
        return [found[showtime_id][0] if showtime_id in found else None for showtime_id in showtime_ids]

    async def _load_first(self, asked: Sequence[tuple[int, bool]]) -> Sequence[FirstReading | Exception | None]:
        showtime_ids = list(dict.fromkeys(showtime_id for showtime_id, _ in asked))
        with_booked = any(wanted for _, wanted in asked)
        async with self._database.connection() as conn:
            found = await self.read(conn, showtime_ids, with_booked=with_booked, with_holds=True)
        readings = {
            showtime_id: FirstReading(
                layout, row, prime_of(self._versions.of_priming(row.version), row.held, row.holders, row.ttls_ms)
            )
            for showtime_id, (layout, row) in found.items()
        }
        return [readings.get(showtime_id) for showtime_id, _ in asked]

    async def _rooms(self, conn: Connection, keys: Collection[RoomKey]) -> dict[RoomKey, Room]:
        """The rooms at these plan versions and prices, except those whose plan has changed in the meantime."""
        unread = list(
            {auditorium_id for auditorium_id, version, _ in keys if (auditorium_id, version) not in self._plans}
        )
        read: list[Plan] = []  # refers to the plans, so that they stay in self._plans
        for start in range(0, len(unread), PLANS_AT_ONCE):
            known_versions = dict.fromkeys(unread[start : start + PLANS_AT_ONCE], 0)
            for row in await auditoriums.plans(conn, known_versions=known_versions):
                plan = plan_of(row)
                read.append(self._plans.setdefault((plan.auditorium_id, plan.version), plan))
        return {key: room for key in keys if (room := self._room(key)) is not None}

    def _room(self, key: RoomKey) -> Room | None:
        """A room that is kept, or whose plan is."""
        room = self._recent.rooms.get(key) or self._older.rooms.get(key)
        if room is None:
            plan = self._plans.get(key[:2])
            room = None if plan is None else room_of(plan, key[2], self._ticket_types.standard)
        return room

    def _sale(self, row: ShowtimeLayout) -> Sale:
        times = {"starts_at": row.starts_at, "ends_at": row.ends_at, "status": row.status}
        times_json = orjson.dumps(times, option=orjson.OPT_UTC_Z)[1:-1]
        is_cancelled = row.status == "cancelled"
        return self._recent.share(Sale(row.on_sale_at, row.sales_end_at, is_cancelled, row.waiting_room, times_json))

    def _movie_json(self, row: ShowtimeLayout) -> bytes:
        return self._recent.share(orjson.dumps({"movie": ReservedMovie(row.movie_id, row.movie_title)})[1:-1])

    def _venue(self, row: ShowtimeLayout) -> Venue:
        venue = {
            "auditorium": NamedRow(row.auditorium_id, row.auditorium_name),
            "cinema": ReservedCinema(row.cinema_id, row.cinema_name, row.cinema_timezone),
        }
        return self._recent.share(Venue(row.focal_row, orjson.dumps(venue)[1:]))

    def _keep(self, showtime_id: int, layout: Layout) -> None:
        recent = self._recent
        if len(recent.layouts) >= MAX_SHOWTIMES or recent.seats >= MAX_SEATS:
            self._older, self._recent = recent, _Generation()
        self._recent.add(showtime_id, layout)


def _key(row: ShowtimeLayout) -> RoomKey:
    return row.auditorium_id, row.plan_version, row.base_price
