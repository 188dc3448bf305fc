"""Seat maps as bytes, kept under the version they show.

Every request reads the version first, so a map is never older than the request for it. What has to be drawn anew is
drawn for all who wait for it at once: Redis first, PostgreSQL second, so that a hold which is confirmed in between is
seen held or booked, never available.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from ..batching import Batcher
from ..database import Database
from ..errors import DomainError, NotFound
from ..holds import Holds, MapState, Snapshot
from ..layouts import Layout, Layouts, Room
from ..repository import showtimes

MOST_BYTES = 4 * 1024 * 1024  # of maps that are kept: some 200 of 200 seats
MOST_IN_A_BATCH = 256  # readers, most often of a few showtimes
# How a seat's fragment ends.
COMMA = b","
AVAILABLE, HELD, BOOKED = (b'%b"}%b' % (status, COMMA) for status in (b"available", b"held", b"booked"))


@dataclass(frozen=True, slots=True)
class SeatMap:
    """A seat map in JSON, and the state it shows."""

    state: MapState
    body: bytes


class SeatMaps:
    """The seat maps of all showtimes, each drawn once for a version."""

    def __init__(self, database: Database, holds: Holds, layouts: Layouts) -> None:
        self._database = database
        self._holds = holds
        self._layouts = layouts
        self._kept: OrderedDict[int, SeatMap] = OrderedDict()
        self._kept_bytes = 0
        self._templates: WeakKeyDictionary[Room, list[bytes]] = WeakKeyDictionary()
        self._draws: Batcher[int, SeatMap] = Batcher(self._draw, most=MOST_IN_A_BATCH, lanes=2)

    async def at(self, showtime_id: int, state: MapState) -> SeatMap:
        """The map at this state or a later one; raises NotFound and HoldsUnavailable."""
        kept = self._kept.get(showtime_id)
        if kept is not None and kept.state == state:
            self._kept.move_to_end(showtime_id)
            return kept
        return await self._draws.submit(showtime_id)

    async def _draw(self, asked: Sequence[int]) -> Sequence[SeatMap | Exception]:
        showtime_ids = list(dict.fromkeys(asked))
        snapshots = await self._holds.snapshots(showtime_ids)
        async with self._database.connection() as conn:
            booked = await showtimes.booked_seats(conn, showtime_ids=showtime_ids)
        drawn = await asyncio.gather(
            *(
                self._drawn(showtime_id, snapshot, booked.get(showtime_id, ()))
                for showtime_id, snapshot in zip(showtime_ids, snapshots, strict=True)
            )
        )
        by_showtime = dict(zip(showtime_ids, drawn, strict=True))
        return [by_showtime[showtime_id] for showtime_id in asked]

    async def _drawn(
        self, showtime_id: int, snapshot: Snapshot | DomainError, booked: Sequence[int]
    ) -> SeatMap | Exception:
        if isinstance(snapshot, DomainError):
            return snapshot
        try:
            layout = await self._layouts.at(showtime_id, snapshot.state.layout)
        except DomainError as error:
            return error
        if layout is None:
            return NotFound("There is no such showtime.")
        return self._keep(showtime_id, self._compose(showtime_id, layout, snapshot, booked))

    def _compose(self, showtime_id: int, layout: Layout, snapshot: Snapshot, booked: Sequence[int]) -> SeatMap:
        places = layout.room.places
        seats = self._template(layout.room).copy()
        for seat_ids, ending in ((snapshot.held, HELD), (booked, BOOKED)):  # booked beats held
            for seat_id in seat_ids:
                place = places.get(seat_id)
                if place is not None:
                    seats[2 * place + 1] = ending
        head = b'{"showtime_id":%d,"version":%d,"seats":[' % (showtime_id, snapshot.state.version)
        return SeatMap(snapshot.state, b"%b%b]}" % (head, b"".join(seats)[: -len(COMMA)]))

    def _template(self, room: Room) -> list[bytes]:
        """Every seat's fragment, and after it the ending of an available one."""
        template = self._templates.get(room)
        if template is None:
            template = [piece for fragment in room.fragments for piece in (fragment, AVAILABLE)]
            self._templates[room] = template
        return template

    def _keep(self, showtime_id: int, seat_map: SeatMap) -> SeatMap:
        replaced = self._kept.pop(showtime_id, None)
        self._kept_bytes += len(seat_map.body) - (0 if replaced is None else len(replaced.body))
        self._kept[showtime_id] = seat_map
        while self._kept_bytes > MOST_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.body)
        return seat_map
