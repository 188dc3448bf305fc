"""What a seat map is drawn from: its seats and prices, and which of them are held, booked or blocked.

Redis is read first and PostgreSQL second, so that a hold which is confirmed in between is seen held or booked, never
available. A booking may therefore be seen before the map's version counts it, but never after.

What a showtime is primed with in Redis is read in one statement with all that its map needs. If the map then has the
version of that reading, no change was announced between the two, and PostgreSQL is not read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..db.pool import Database
from ..db.repository.showtimes import ShowtimeLayout
from ..errors import DomainError, NotFound
from ..holds.map_states import Snapshot
from ..holds.prime import Prime
from ..holds.store import Holds
from .layouts import FirstReading, Layout, Layouts
from .rooms import AVAILABLE, BLOCKED, BOOKED, HELD, Room


@dataclass(frozen=True, slots=True)
class Occupancy:
    """The seats of a showtime at a version of its map, or a little later."""

    showtime_id: int
    version: int
    layout: Layout
    held: frozenset[int]
    booked: Sequence[int]  # the blocked ones, too
    blocked: Sequence[int] = ()

    @property
    def room(self) -> Room:
        """The seats and prices."""
        return self.layout.room

    def statuses(self) -> bytes:
        """The status of every seat, one letter each, by place in the room."""
        places = self.room.places
        found = bytearray((AVAILABLE,)) * len(places)
        # Booked beats held, and blocked seats are among the booked ones.
        for seat_ids, status in ((self.held, HELD), (self.booked, BOOKED), (self.blocked, BLOCKED)):
            for place in places.known(seat_ids):
                found[place] = status
        return bytes(found)


async def read_occupancies(
    database: Database, holds: Holds, layouts: Layouts, showtime_ids: Sequence[int]
) -> list[Occupancy | DomainError]:
    """Read showtimes together; an error in the place of each that Redis could not give, or that does not exist."""
    first: dict[int, FirstReading] = {}

    async def prime(showtime_id: int) -> Prime:
        reading = await layouts.load_first(showtime_id, with_booked=True)
        if reading is None:
            raise NotFound("There is no such showtime.")
        first[showtime_id] = reading
        return reading.prime

    snapshots = dict(zip(showtime_ids, await holds.snapshots(showtime_ids, prime), strict=True))
    found: dict[int, tuple[Layout, ShowtimeLayout]] = {}
    unread: list[int] = []
    for showtime_id, snapshot in snapshots.items():
        if isinstance(snapshot, Snapshot):
            reading = first.get(showtime_id)
            if reading is not None and reading.prime.version == snapshot.state.version:
                found[showtime_id] = reading.layout, reading.row
            else:
                unread.append(showtime_id)
    if unread:
        async with database.connection() as conn:
            found |= await layouts.read(conn, unread, with_booked=True)

    def occupancy(showtime_id: int) -> Occupancy | DomainError:
        snapshot = snapshots[showtime_id]
        if isinstance(snapshot, DomainError):
            return snapshot
        if showtime_id not in found:
            return NotFound("There is no such showtime.")
        layout, row = found[showtime_id]
        return Occupancy(showtime_id, snapshot.state.version, layout, snapshot.held, row.booked, row.blocked)

    return [occupancy(showtime_id) for showtime_id in showtime_ids]
