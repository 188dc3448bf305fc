"""What a seat map is rendered from: its seats and prices, and which of them are held or booked.

Redis is read first and PostgreSQL second, so that a hold which is confirmed in between is seen held or booked, never
available. A booking may therefore be seen before the map's version counts it, but never after.
"""

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
    """The seats of a showtime at a state of its map, or a little later."""

    showtime_id: int
    state: MapState
    layout: Layout
    held: frozenset[int]
    booked: Sequence[int]

    @property
    def room(self) -> Room:
        """The seats and prices."""
        return self.layout.room

    def taken(self) -> dict[int, bytes]:
        """The endings of the seats that are not available, by place in the room."""
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
    """Read showtimes together; an error in the place of each that Redis could not give, or that does not exist."""
    snapshots = dict(zip(showtime_ids, await holds.snapshots(showtime_ids), strict=True))
    versions = {each: found.state.layout for each, found in snapshots.items() if isinstance(found, Snapshot)}
    async with database.connection() as conn:
        booked = await showtimes.booked_seats(conn, showtime_ids=[*versions])
        known = await layouts.at(conn, versions)

    def occupancy(showtime_id: int) -> Occupancy | DomainError:
        snapshot = snapshots[showtime_id]
        if isinstance(snapshot, DomainError):
            return snapshot
        if showtime_id not in known:
            return NotFound("There is no such showtime.")
        return Occupancy(showtime_id, snapshot.state, known[showtime_id], snapshot.held, booked.get(showtime_id, ()))

    return [occupancy(showtime_id) for showtime_id in showtime_ids]
