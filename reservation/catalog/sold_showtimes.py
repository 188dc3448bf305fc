"""Call off a showtime: its live holds and confirmed reservations are cancelled with it, in one transaction."""

from collections.abc import Sequence
from typing import NamedTuple

from ..db.metrics import count_cancelled
from ..db.pool import Connection
from ..db.repository import refunds, showtimes, sold_showtimes
from ..db.repository.showtimes import Showtime
from ..db.repository.sold_showtimes import LockedReservation
from ..errors import NotFound, RowLocked, ShowtimeStarted
from ..holds.release_calls import HoldRelease
from .context import CatalogContext

LOCK_TRIES = 5  # a try fails if a reservation that was made meanwhile is locked for a second

RELEASED_AT_ONCE = 256  # holds in one round trip to Redis


class CancelledShowtime(NamedTuple):
    """A cancelled showtime, and how many reservations were cancelled with it."""

    showtime: Showtime
    reservations: int


async def cancel_showtime(context: CatalogContext, *, showtime_id: int, reason: str) -> CancelledShowtime:
    """Cancel a showtime that has not started; its seats and its auditorium are free at once.

    Raises NotFound, ShowtimeStarted and RowLocked. To cancel it again changes nothing, and gives the same result.
    """
    for attempt in range(1, LOCK_TRIES + 1):
        try:
            async with context.database.change() as conn:
                cancelled, reserved = await _cancel(conn, showtime_id, reason)
            break
        except RowLocked:
            if attempt == LOCK_TRIES:
                raise
    held = [HoldRelease(showtime_id, each.id, each.seat_ids) for each in reserved if each.status == "held"]
    for each in reserved:
        if each.status == "confirmed":
            count_cancelled("cinema", seats=len(each.seat_ids), whole=True)
    for start in range(0, len(held), RELEASED_AT_ONCE):
        await context.pending_updates.release(held[start : start + RELEASED_AT_ONCE])
    await context.pending_updates.bump_layouts([showtime_id])
    return cancelled


async def _cancel(
    conn: Connection, showtime_id: int, reason: str
) -> tuple[CancelledShowtime, Sequence[LockedReservation]]:
    """The cancelled showtime and the reservations that were cancelled now."""
    reserved = await lock_with_reservations(conn, showtime_id)
    showtime = await _find(conn, showtime_id)
    if showtime.status == "cancelled":
        count = await sold_showtimes.count_cancelled(conn, showtime_id=showtime_id)
        return CancelledShowtime(showtime, count), []
    if not await sold_showtimes.cancel_showtime(conn, showtime_id=showtime_id, reason=reason):
        raise ShowtimeStarted("The showtime has started: it can no longer be called off.")
    ids = [each.id for each in reserved]
    await sold_showtimes.cancel_reservations(conn, showtime_id=showtime_id, reservation_ids=ids)
    await refunds.refund_surplus(conn, reservation_ids=ids, showtime_id=showtime_id, reason="showtime_cancelled")
    return CancelledShowtime(await _find(conn, showtime_id), len(ids)), reserved


async def lock_with_reservations(conn: Connection, showtime_id: int) -> Sequence[LockedReservation]:
    """Lock the live reservations of a showtime and then the showtime, so that none is added; raises NotFound.

    What was inserted between the two is locked after the showtime, against the order of locks. Only a confirm that has
    such a reservation may wait for the showtime then, and gives up first.
    """
    await sold_showtimes.lock_reservations(conn, showtime_id=showtime_id)
    if await showtimes.lock_showtime(conn, showtime_id=showtime_id) is None:
        raise NotFound("There is no such showtime.")
    return await sold_showtimes.lock_reservations(conn, showtime_id=showtime_id)


async def _find(conn: Connection, showtime_id: int) -> Showtime:
    found = await showtimes.find_showtime(conn, showtime_id=showtime_id)
    if found is None:
        raise NotFound("There is no such showtime.")
    return found
