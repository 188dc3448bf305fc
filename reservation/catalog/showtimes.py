"""Write showtimes, under the locks of their auditoriums."""

from ..db.pool import Connection
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import auditoriums, bulk, showtimes
from ..db.repository.showtimes import Showtime, ShowtimeInput
from ..errors import InUse, Invalid, NotFound, Overloaded, ShowtimeOverlap
from .context import CatalogContext
from .showtime_batches import insert_batch, overlap_with

LOCK_TRIES = 3  # a concurrent move between look-up and lock is rare
KEEPS_ITS_ROOM = "The showtime has reservations or blocked seats, so it cannot move to another auditorium."
KEEPS_ITS_TIME = "The showtime has archived reservations, so its time cannot change."


class RoomsChanged(Exception):
    """A showtime moved to an auditorium that is not locked, before its own lock: try again."""


async def add_showtime(context: CatalogContext, *, showtime: ShowtimeInput) -> Showtime:
    """Create a showtime; raises ShowtimeOverlap, which names the other, and Invalid."""
    async with context.database.transaction() as conn:
        ids, failed = await insert_batch(conn, wanted={0: showtime}, cleaning_s=context.cleaning_s)
        for error in failed.values():
            raise error
        return await _find(conn, ids[0])


async def update_showtime(
    context: CatalogContext, *, showtime_id: int, showtime: ShowtimeInput, check: Precondition = no_precondition
) -> Showtime:
    """Replace a showtime; raises NotFound, what `check` raises, ShowtimeOverlap, Invalid, and InUse.

    InUse: a showtime with reservations cannot change its auditorium, and one with archived reservations its time.
    """
    for _ in range(LOCK_TRIES):
        try:
            async with context.database.transaction() as conn:
                replaced = await _replace_showtime(conn, showtime_id, showtime, check, context.cleaning_s)
        except RoomsChanged:
            continue
        except ShowtimeOverlap as overlap:
            async with context.database.connection() as conn:
                other = await showtimes.find_overlap(
                    conn, showtime=showtime, cleaning_s=context.cleaning_s, except_id=showtime_id
                )
            # Without an id where the other showtime was deleted meanwhile.
            raise overlap if other is None else overlap_with(other) from overlap
        await context.pending_updates.bump_layouts([showtime_id])
        return replaced
    raise Overloaded


async def delete_showtime(context: CatalogContext, *, showtime_id: int, check: Precondition = no_precondition) -> None:
    """Delete a showtime; raises NotFound, what `check` raises, and InUse when it was ever reserved."""
    async with context.database.transaction() as conn:
        await lock_showtime(conn, showtime_id, check)
        await showtimes.delete_showtime(conn, showtime_id=showtime_id)
    await context.pending_updates.bump_layouts([showtime_id])


async def _replace_showtime(
    conn: Connection, showtime_id: int, showtime: ShowtimeInput, check: Precondition, cleaning_s: int
) -> Showtime:
    """Lock the new and the old auditorium first: two showtimes that exchange theirs would deadlock otherwise."""
    rooms = {showtime.auditorium_id, (await _find(conn, showtime_id)).auditorium_id}
    known = await auditoriums.lock_auditoriums(conn, auditorium_ids=sorted(rooms))
    before = await lock_showtime(conn, showtime_id, check)
    if before.auditorium_id not in rooms:
        raise RoomsChanged
    if showtime.auditorium_id not in known:
        # Checked here: the exclusion constraint is checked before the foreign key, and fails for the highest id.
        raise Invalid("/auditorium_id", "There is no such auditorium.")
    moved = before.auditorium_id != showtime.auditorium_id
    if moved and await bulk.find_reserved(conn, showtime_ids=[showtime_id]):
        raise InUse(KEEPS_ITS_ROOM)
    retimed = (before.starts_at, before.ends_at) != (showtime.starts_at, showtime.ends_at)
    if retimed and await showtimes.with_archived(conn, showtime_ids=[showtime_id]):
        raise InUse(KEEPS_ITS_TIME)
    await showtimes.update_showtime(conn, showtime_id=showtime_id, showtime=showtime, cleaning_s=cleaning_s)
    return await _find(conn, showtime_id)


async def lock_showtime(conn: Connection, showtime_id: int, check: Precondition = no_precondition) -> Showtime:
    """Lock a showtime against holds and confirms; raises NotFound and what `check` raises."""
    if await showtimes.lock_showtime(conn, showtime_id=showtime_id) is None:
        raise NotFound("There is no such showtime.")
    found = await _find(conn, showtime_id)
    check(found)
    return found


async def _find(conn: Connection, showtime_id: int) -> Showtime:
    found = await showtimes.find_showtime(conn, showtime_id=showtime_id)
    if found is None:
        raise NotFound("There is no such showtime.")
    return found
