"""The seats and prices of showtimes, cached in the process until an administrator changes them."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from sys import intern
from weakref import WeakValueDictionary

import orjson

from ..db.pool import Connection, Database
from ..db.repository import showtimes
from ..db.repository.reservations import ReservedSeat
from ..db.repository.showtimes import ShowtimeLayout
from ..runtime.batching import Batcher
from .seat_rows import SeatRow

MAX_SHOWTIMES = 1000  # of 200 seats, some 45 KB each; much less where they share a room and a price
READ_AT_ONCE = 16
UNKNOWN_VERSION = -1


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Room:
    """The seats of a room at the prices of a showtime, in the order of the map: each as JSON up to its status."""

    fragments: tuple[bytes, ...]
    places: dict[int, int]  # by seat id
    seats: tuple[ReservedSeat, ...]  # by place
    rows: tuple[SeatRow, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A showtime's seats and prices: `version` counts their changes in Redis, `layout_version` in PostgreSQL."""

    version: int
    layout_version: int
    starts_at: datetime
    focal_row: str | None
    room: Room

    @property
    def has_started(self) -> bool:
        """By this process's clock, so a hint: PostgreSQL's decides."""
        return self.starts_at <= datetime.now(UTC)


class Layouts:
    """The layouts that were used last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[int, Layout] = OrderedDict()
        self._rooms: WeakValueDictionary[tuple[bytes, ...], Room] = WeakValueDictionary()
        self._loads: Batcher[int, Layout | None] = Batcher(self._load, max_batch=READ_AT_ONCE, lanes=2)

    def known(self, showtime_id: int) -> Layout | None:
        """The layout of a showtime as it was when last read; None if it is not cached."""
        kept = self._kept.get(showtime_id)
        if kept is not None:
            self._kept.move_to_end(showtime_id)
        return kept

    async def load(self, showtime_id: int) -> Layout | None:
        """Read a layout whose version is not known, together with those of concurrent callers; None: no showtime."""
        return await self._loads.submit(showtime_id)

    async def at(self, conn: Connection, versions: Mapping[int, int]) -> dict[int, Layout]:
        """The layouts of showtimes at these layout versions; none for a showtime that does not exist.

        The versions were read before this call, so a later change is not taken for what is read here.
        """
        found, missing = {}, {}
        for showtime_id, version in versions.items():
            kept = self.known(showtime_id)
            if kept is not None and kept.version == version:
                found[showtime_id] = kept
            else:
                missing[showtime_id] = version
        each = list(missing)
        for start in range(0, len(each), READ_AT_ONCE):
            found |= await self._read(conn, each[start : start + READ_AT_ONCE], missing)
        return found

    async def _load(self, showtime_ids: Sequence[int]) -> Sequence[Layout | Exception | None]:
        async with self._database.connection() as conn:
            found = await self._read(conn, list(dict.fromkeys(showtime_ids)), {})
        return [found.get(showtime_id) for showtime_id in showtime_ids]

    async def _read(
        self, conn: Connection, showtime_ids: Sequence[int], versions: Mapping[int, int]
    ) -> dict[int, Layout]:
        rows = await showtimes.layouts(conn, showtime_ids=showtime_ids)
        found = {row.id: self._keep(versions.get(row.id, UNKNOWN_VERSION), row) for row in rows}
        for showtime_id in showtime_ids:
            if showtime_id not in found:
                self._kept.pop(showtime_id, None)
        return found

    def _keep(self, version: int, row: ShowtimeLayout) -> Layout:
        layout = self._kept[row.id] = Layout(version, row.layout_version, row.starts_at, row.focal_row, self._room(row))
        self._kept.move_to_end(row.id)
        if len(self._kept) > MAX_SHOWTIMES:
            self._kept.popitem(last=False)
        return layout

    def _room(self, row: ShowtimeLayout) -> Room:
        """Showtimes in one room at one price share a Room."""
        columns = zip(row.seat_ids, row.row_labels, row.seat_numbers, row.seat_types, row.prices, strict=True)
        fragments = tuple(_fragment(*column) for column in columns)
        room = self._rooms.get(fragments)
        if room is None:
            places = {seat_id: place for place, seat_id in enumerate(row.seat_ids)}
            seats = map(ReservedSeat, row.seat_ids, row.row_labels, row.seat_numbers, row.prices)
            room = self._rooms[fragments] = Room(fragments, places, tuple(seats), tuple(_rows(row)))
        return room


def _rows(layout: ShowtimeLayout) -> Iterator[SeatRow]:
    start = 0
    for label, labels in groupby(layout.row_labels):
        part = slice(start, start := start + len(list(labels)))
        # Interned, since a room has three seat types and the driver makes a new string for each seat.
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
