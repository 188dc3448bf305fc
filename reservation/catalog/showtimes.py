"""Write showtimes, under the locks of their auditoriums."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from ..db.pool import Connection
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import auditoriums, bulk, showtimes
from ..db.repository.showtimes import Showtime, ShowtimeInput
from ..db.repository.sold_showtimes import HoldToMove
from ..errors import HasReservations, InUse, Invalid, NotFound, Overloaded, ShowtimeCancelled, ShowtimeOverlap
from .context import CatalogContext
from .room_changes import RoomsChanged, hold_in_new_room, move_reservations, release_old_seats
from .showtime_batches import insert_batch, overlap_with
from .sold_showtimes import lock_with_reservations

LOCK_TRIES = 3  # a concurrent move between look-up and lock is rare
IS_RESERVED = (
    "The showtime has live holds or confirmed reservations: its film, auditorium and time change only with ?force=true."
)
HAS_ARCHIVED = "The showtime has archived reservations, so its auditorium and time cannot change."


async def add_showtime(context: CatalogContext, *, showtime: ShowtimeInput) -> Showtime:
    """Create a showtime; raises ShowtimeOverlap, which names the other, and Invalid."""
    async with context.database.change() as conn:
        ids, failed = await insert_batch(conn, wanted={0: showtime}, cleaning_s=context.cleaning_s)
        for error in failed.values():
            raise error
        return await _find(conn, ids[0])


async def update_showtime(
    context: CatalogContext,
    *,
    showtime_id: int,
    showtime: ShowtimeInput,
    force: bool = False,
    check: Precondition = no_precondition,
) -> Showtime:
    """Replace a scheduled showtime; raises NotFound, what `check` raises, ShowtimeCancelled, ShowtimeOverlap, Invalid.

    Also HasReservations: what customers count on changes only with `force`, and the auditorium only to one with all
    reserved seats; and InUse: a showtime with archived reservations keeps its auditorium and time.
    """
    taken: dict[UUID, HoldToMove] = {}  # by all tries: of what a try took, the next one may not need everything
    for _ in range(LOCK_TRIES):
        if force:
            moving = await hold_in_new_room(context, showtime_id, showtime.auditorium_id)
            taken |= {each.id: each for each in moving}
        try:
            async with context.database.change() as conn:
                replaced = await _replace_showtime(
                    conn,
                    showtime_id,
                    showtime,
                    check,
                    cleaning_s=context.cleaning_s,
                    force=force,
                    taken=[*taken.values()],
                )
        except RoomsChanged:
            continue
        except ShowtimeOverlap as overlap:
            async with context.database.connection() as conn:
                other = await showtimes.find_overlap(
                    conn, showtime=showtime, cleaning_s=context.cleaning_s, except_id=showtime_id
                )
            # Without an id where the other showtime was deleted meanwhile.
            raise overlap if other is None else overlap_with(other) from overlap
        await release_old_seats(context, showtime_id, showtime.auditorium_id, [*taken.values()])
        await context.pending_updates.bump_layouts([showtime_id])
        return replaced
    raise Overloaded


async def delete_showtime(context: CatalogContext, *, showtime_id: int, check: Precondition = no_precondition) -> None:
    """Delete a showtime; raises NotFound, what `check` raises, and InUse when it was ever reserved."""
    async with context.database.change() as conn:
        await lock_showtime(conn, showtime_id, check)
        await showtimes.delete_showtime(conn, showtime_id=showtime_id)
    await context.pending_updates.bump_layouts([showtime_id])


async def _replace_showtime(
    conn: Connection,
    showtime_id: int,
    showtime: ShowtimeInput,
    check: Precondition,
    *,
    cleaning_s: int,
    force: bool,
    taken: Sequence[HoldToMove],
) -> Showtime:
    """Lock the new and the old auditorium first: two showtimes that exchange theirs would deadlock otherwise."""
    old_room = (await _find(conn, showtime_id)).auditorium_id
    known = await auditoriums.lock_auditoriums(conn, auditorium_ids=sorted({old_room, showtime.auditorium_id}))
    moves = old_room != showtime.auditorium_id
    reserved = await lock_with_reservations(conn, showtime_id) if moves else []
    before = await lock_showtime(conn, showtime_id, check)
    if before.auditorium_id != old_room:
        raise RoomsChanged
    if before.status == "cancelled":
        raise ShowtimeCancelled
    if showtime.auditorium_id not in known:
        # Checked here: the exclusion constraint is checked before the foreign key, and fails for the highest id.
        raise Invalid("/auditorium_id", "There is no such auditorium.")
    if what_customers_know(before) != what_customers_know(showtime):
        await _require_change(conn, before, showtime, force=force)
    await showtimes.update_showtime(conn, showtime_id=showtime_id, showtime=showtime, cleaning_s=cleaning_s)
    if moves:
        await move_reservations(conn, before, showtime, reserved, taken)
    return await _find(conn, showtime_id)


def what_customers_know(showtime: Showtime | ShowtimeInput) -> tuple[int, int, datetime, datetime]:
    """What does not change under live holds and confirmed reservations."""
    return showtime.movie_id, showtime.auditorium_id, showtime.starts_at, showtime.ends_at


async def _require_change(conn: Connection, before: Showtime, after: ShowtimeInput, *, force: bool) -> None:
    """Raise HasReservations or InUse unless what customers know of a locked showtime may change."""
    ids = [before.id]
    # With `force`, its reservations stay as they are; whoever is to be told of the change is told from here.
    if not force and await bulk.find_reserved(conn, showtime_ids=ids):
        raise HasReservations(IS_RESERVED)
    archived = await showtimes.with_archived(conn, showtime_ids=ids)
    if archived and what_customers_know(before)[1:] != what_customers_know(after)[1:]:
        raise InUse(HAS_ARCHIVED)


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
