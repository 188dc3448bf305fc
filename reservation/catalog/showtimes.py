"""Write showtimes, under the locks of their auditoriums."""

from ..db.pool import Connection
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import auditoriums, showtimes
from ..db.repository.showtimes import Showtime, ShowtimeInput
from ..errors import InUse, Invalid, NotFound, Overloaded, ShowtimeOverlap
from .context import CatalogContext

LOCK_TRIES = 3  # who moves a showtime just when it is to be locked does not do so again and again
KEEPS_ITS_ROOM = "The showtime has reservations, so it cannot move to another auditorium."
KEEPS_ITS_TIME = "The showtime has archived reservations, so its time cannot change."


class RoomsChanged(Exception):
    """A showtime has gone to a room that is not locked, after one had looked which to lock: look again."""


async def add_showtime(context: CatalogContext, *, showtime: ShowtimeInput) -> Showtime:
    """Put a film on; raises ShowtimeOverlap, which names the other, and Invalid for an unknown film or room."""
    try:
        async with context.database.transaction() as conn:
            # Two overlapping inserts at once would wait for each other; the room's lock lines them up.
            if await auditoriums.lock_auditorium(conn, auditorium_id=showtime.auditorium_id) is None:
                raise _no_room()
            showtime_id = await showtimes.insert_showtime(conn, showtime=showtime, cleaning_s=context.cleaning_s)
            return await _find(conn, showtime_id)
    except ShowtimeOverlap as overlap:
        raise await _named(overlap, context, showtime, except_id=0) from overlap


async def update_showtime(
    context: CatalogContext, *, showtime_id: int, showtime: ShowtimeInput, check: Precondition = no_precondition
) -> Showtime:
    """Replace a showtime; raises NotFound, what `check` raises, ShowtimeOverlap, Invalid, and InUse.

    InUse is for moving one with reservations to another room, and one with archived reservations to another time.
    """
    for _ in range(LOCK_TRIES):
        try:
            async with context.database.transaction() as conn:
                replaced = await _replace_showtime(conn, showtime_id, showtime, check, context.cleaning_s)
        except RoomsChanged:
            continue
        except ShowtimeOverlap as overlap:
            raise await _named(overlap, context, showtime, except_id=showtime_id) from overlap
        await context.pending_updates.bump_layouts([showtime_id])
        return replaced
    raise Overloaded


async def delete_showtime(context: CatalogContext, *, showtime_id: int, check: Precondition = no_precondition) -> None:
    """Remove a showtime; raises NotFound, what `check` raises, and InUse when it was ever reserved."""
    async with context.database.transaction() as conn:
        await _lock_showtime(conn, showtime_id, check)
        await showtimes.delete_showtime(conn, showtime_id=showtime_id)
    await context.pending_updates.bump_layouts([showtime_id])


async def _replace_showtime(
    conn: Connection, showtime_id: int, showtime: ShowtimeInput, check: Precondition, cleaning_s: int
) -> Showtime:
    """Both rooms are locked first, the one that it leaves, too: two that exchange rooms would wait for each other."""
    rooms = {showtime.auditorium_id, (await _find(conn, showtime_id)).auditorium_id}
    known = await auditoriums.lock_auditoriums(conn, auditorium_ids=sorted(rooms))
    before = await _lock_showtime(conn, showtime_id, check)
    if before.auditorium_id not in rooms:
        raise RoomsChanged
    if showtime.auditorium_id not in known:
        raise _no_room()
    moved = before.auditorium_id != showtime.auditorium_id
    if moved and await showtimes.has_reservations(conn, showtime_id=showtime_id):
        raise InUse(KEEPS_ITS_ROOM)
    retimed = (before.starts_at, before.ends_at) != (showtime.starts_at, showtime.ends_at)
    if retimed and await showtimes.with_archived(conn, showtime_ids=[showtime_id]):
        raise InUse(KEEPS_ITS_TIME)
    await showtimes.update_showtime(conn, showtime_id=showtime_id, showtime=showtime, cleaning_s=cleaning_s)
    return await _find(conn, showtime_id)


async def _lock_showtime(conn: Connection, showtime_id: int, check: Precondition) -> Showtime:
    if await showtimes.lock_showtime(conn, showtime_id=showtime_id) is None:
        raise NotFound("There is no such showtime.")
    found = await _find(conn, showtime_id)
    check(found)
    return found


def _no_room() -> Invalid:
    """Found out here: the exclusion constraint comes before the foreign key, and cannot even take the highest id."""
    return Invalid("/auditorium_id", "There is no such auditorium.")


async def _find(conn: Connection, showtime_id: int) -> Showtime:
    found = await showtimes.find_showtime(conn, showtime_id=showtime_id)
    if found is None:
        raise NotFound("There is no such showtime.")
    return found


async def _named(
    overlap: ShowtimeOverlap, context: CatalogContext, showtime: ShowtimeInput, *, except_id: int
) -> ShowtimeOverlap:
    """The refusal with the id of the showtime in the way, unless that one is gone by now."""
    async with context.database.connection() as conn:
        other = await showtimes.find_overlap(
            conn, showtime=showtime, cleaning_s=context.cleaning_s, except_id=except_id
        )
    return overlap if other is None else overlap_with(other)


def overlap_with(other: int) -> ShowtimeOverlap:
    """The refusal that names the showtime in the way."""
    return ShowtimeOverlap(
        f"Showtime {other} has the auditorium at that time.", details={"conflicting_showtime_id": other}
    )
