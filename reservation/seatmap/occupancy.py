"""What a seat map is drawn from: its seats and prices, which of them are held, and which are booked.

Redis first, PostgreSQL second, so that a hold which is confirmed in between is seen held or booked, never available. So
a booking may be seen before the version that counts it, but never after.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ..db.pool import Database
from ..db.repository import showtimes
from ..errors import DomainError, NotFound
from ..holds.store import Holds, MapState, Snapshot
from .layouts import Layout, Layouts, Room

# How a seat's fragment ends.
COMMA = b","
AVAILABLE, HELD, BOOKED = (b'%b"}%b' % (status, COMMA) for status in (b"available", b"held", b"booked"))


@dataclass(frozen=True, slots=True)
class Occupancy:
    """The seats of a showtime as they were at a state of its map, or a little later."""

    showtime_id: int
    state: MapState
    room: Room
    held: frozenset[int]
    booked: Sequence[int]
    focal_row: str | None = None

    def taken(self) -> dict[int, bytes]:
        """How the fragments end of those seats that are not available, by their place in the room."""
        places, found = self.room.places, {}
        for seat_ids, ending in ((self.held, HELD), (self.booked, BOOKED)):  # booked beats held
            for seat_id in seat_ids:
                place = places.get(seat_id)
                if place is not None:
                    found[place] = ending
        return found


async def read_occupancies(
    database: Database, holds: Holds, layouts: Layouts, showtime_ids: Sequence[int]
) -> list[Occupancy | DomainError]:
    """Look at showtimes together; what went wrong with one of them stands in its place."""
    snapshots = await holds.snapshots(showtime_ids)
    async with database.connection() as conn:
        booked = await showtimes.booked_seats(conn, showtime_ids=showtime_ids)
    return await asyncio.gather(
        *(
            _with_layout(layouts, showtime_id, snapshot, booked.get(showtime_id, ()))
            for showtime_id, snapshot in zip(showtime_ids, snapshots, strict=True)
        )
    )


async def _with_layout(
    layouts: Layouts, showtime_id: int, snapshot: Snapshot | DomainError, booked: Sequence[int]
) -> Occupancy | DomainError:
    if isinstance(snapshot, DomainError):
        return snapshot
    try:
        layout: Layout | None = await layouts.at(showtime_id, snapshot.state.layout)
    except DomainError as error:
        return error
    if layout is None:
        return NotFound("There is no such showtime.")
    return Occupancy(showtime_id, snapshot.state, layout.room, snapshot.held, booked, layout.focal_row)
