"""Read what a showtime's keys in Redis are rebuilt from."""

from ..db.pool import Database
from ..db.repository import showtimes
from ..errors import NotFound
from ..holds.store import LiveHold, Prime


async def prime(database: Database, showtime_id: int) -> Prime:
    """What a showtime's keys in Redis are rebuilt from; raises NotFound, so that made-up ids cannot fill Redis."""
    async with database.connection() as conn:
        found = await showtimes.prime(conn, showtime_id=showtime_id)
    if found is None:
        raise NotFound("There is no such showtime.")
    live = zip(found.seat_ids, found.reservation_ids, found.ttls_ms, strict=True)
    return Prime(found.version, tuple(LiveHold(*hold) for hold in live))
