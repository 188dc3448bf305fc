"""The seats and prices of showtimes, kept in the process for as long as no administrator changes them."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from sys import intern
from weakref import WeakValueDictionary

import orjson

from ..db.pool import Database
from ..db.repository import showtimes
from ..db.repository.showtimes import ShowtimeLayout
from ..runtime.batching import Batcher
from .seat_rows import SeatRow

MAX_SHOWTIMES = 1000  # of 200 seats, some 45 KB each; much less where they share a room and a price
MAX_IN_A_BATCH = 16
UNKNOWN_VERSION = -1


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Room:
    """The seats of a room at the prices of a showtime, in the order of the map: each as JSON, but for its status."""

    fragments: tuple[bytes, ...]
    places: dict[int, int]  # by seat id
    rows: tuple[SeatRow, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A showtime's seats and prices as they were at a version of its map."""

    version: int
    starts_at: datetime
    focal_row: str | None
    room: Room

    @property
    def has_started(self) -> bool:
        """By this process's clock, so a hint: PostgreSQL's decides."""
        return self.starts_at <= datetime.now(UTC)


class Layouts:
    """The layouts used last; what concurrent callers miss is read at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[int, Layout] = OrderedDict()
        self._rooms: WeakValueDictionary[tuple[bytes, ...], Room] = WeakValueDictionary()
        self._loads: Batcher[tuple[int, int], Layout | None] = Batcher(self._load, max_batch=MAX_IN_A_BATCH, lanes=2)

    def known(self, showtime_id: int) -> Layout | None:
        """The layout of a showtime as it was when last read, if it ever was."""
        return self._kept.get(showtime_id)

    async def load(self, showtime_id: int, version: int = UNKNOWN_VERSION) -> Layout | None:
        """Read a showtime's layout from PostgreSQL, None when there is no such showtime.

        `version` is the map's, read before: a change that comes after it is not taken for what was read here.
        """
        return await self._loads.submit((showtime_id, version))

    async def at(self, showtime_id: int, version: int) -> Layout | None:
        """The layout that belongs to that layout version of the map."""
        kept = self._kept.get(showtime_id)
        if kept is not None and kept.version == version:
            self._kept.move_to_end(showtime_id)
            return kept
        return await self.load(showtime_id, version)

    async def _load(self, asked: Sequence[tuple[int, int]]) -> Sequence[Layout | Exception | None]:
        async with self._database.connection() as conn:
            rows = await showtimes.layouts(conn, showtime_ids=[showtime_id for showtime_id, _ in asked])
        found = {row.id: row for row in rows}
        return [self._keep(showtime_id, version, found.get(showtime_id)) for showtime_id, version in asked]

    def _keep(self, showtime_id: int, version: int, row: ShowtimeLayout | None) -> Layout | None:
        if row is None:
            self._kept.pop(showtime_id, None)
            return None
        layout = Layout(version, row.starts_at, row.focal_row, self._room(row))
        self._kept[showtime_id] = layout
        self._kept.move_to_end(showtime_id)
        if len(self._kept) > MAX_SHOWTIMES:
            self._kept.popitem(last=False)
        return layout

    def _room(self, row: ShowtimeLayout) -> Room:
        """Showtimes of one room at one price share what is kept of it."""
        columns = zip(row.seat_ids, row.row_labels, row.seat_numbers, row.seat_types, row.prices, strict=True)
        fragments = tuple(_fragment(*column) for column in columns)
        room = self._rooms.get(fragments)
        if room is None:
            places = {seat_id: place for place, seat_id in enumerate(row.seat_ids)}
            room = self._rooms[fragments] = Room(fragments, places, tuple(_rows(row)))
        return room


def _rows(layout: ShowtimeLayout) -> Iterator[SeatRow]:
    start = 0
    for label, alike in groupby(layout.row_labels):
        part = slice(start, start := start + len(list(alike)))
        # Interned, since a room's seats are of three types and the driver makes a new string for each.
        types = tuple(map(intern, layout.seat_types[part]))
        yield SeatRow(label, tuple(layout.seat_ids[part]), tuple(layout.seat_numbers[part]), types)


def _fragment(seat_id: int, row_label: str, seat_number: int, seat_type: str, price: str) -> bytes:
    seat = {
        "id": seat_id,
        "row_label": row_label,
        "seat_number": seat_number,
        "seat_type": seat_type,
        "price": price,
        "status": "",
    }
    return orjson.dumps(seat).removesuffix(b'"}')
