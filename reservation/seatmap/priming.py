"""Reads from PostgreSQL what a showtime is primed with in Redis."""

from ..db.pool import Database
from ..db.repository import showtimes
from ..errors import NotFound
from ..holds.store import LiveHold, Prime


async def prime(database: Database, showtime_id: int) -> Prime:
    """A new version and the live holds; raises NotFound, so that invented ids cannot fill Redis."""
    async with database.connection() as conn:
        found = await showtimes.prime(conn, showtime_id=showtime_id)
    if found is None:
        raise NotFound("There is no such showtime.")
    live = zip(found.seat_ids, found.reservation_ids, found.ttls_ms, strict=True)
    return Prime(found.version, tuple(LiveHold(*hold) for hold in live))
