"""Move a showtime with reservations to another room, where each keeps the rows and numbers of its seats.

Redis has the seats of the new room for the live holds before PostgreSQL does: nobody else can hold them until the
commit, since they are no seats of the showtime. If the commit fails, the orphan job releases them.
"""

from collections.abc import Sequence

from ..db.pool import Connection
from ..db.repository import sold_showtimes
from ..db.repository.showtimes import Showtime, ShowtimeInput
from ..db.repository.sold_showtimes import HoldToMove, LockedReservation
from ..errors import HasReservations
from ..holds.release_calls import HoldRelease
from .context import CatalogContext
from .seat_plans import named_seats

MARGIN_MS = 200  # that Redis keeps seats longer than PostgreSQL, as for any hold
SEATS_ARE_MISSING = (
    "The auditorium does not have all reserved seats of the showtime: `seats` names those without a place."
)


class RoomsChanged(Exception):
    """The showtime moved, or got a hold, after it was read and before it was locked: try again."""


async def hold_in_new_room(context: CatalogContext, showtime_id: int, auditorium_id: int) -> Sequence[HoldToMove]:
    """Take the seats of live holds in another room in Redis; raises HoldsUnavailable."""
    async with context.database.connection() as conn:
        found = await sold_showtimes.find_holds_to_move(conn, showtime_id=showtime_id, auditorium_id=auditorium_id)
    moving = [each for each in found if each.new_seat_ids and each.new_seat_ids != each.seat_ids]
    for each in moving:
        await context.holds.extend(
            showtime_id=showtime_id,
            reservation_id=each.id,
            seat_ids=each.new_seat_ids,
            ttl_ms=each.left_ms + MARGIN_MS,
        )
    return moving


async def move_reservations(
    conn: Connection,
    before: Showtime,
    after: ShowtimeInput,
    reserved: Sequence[LockedReservation],
    taken: Sequence[HoldToMove],
) -> None:
    """Give the reservations of a locked showtime the seats of its new room; `taken`: for which Redis has them.

    Raises HasReservations with the seats that the room lacks, and RoomsChanged if a hold was made or extended since.
    """
    missing = await sold_showtimes.find_missing_seats(conn, showtime_id=before.id, auditorium_id=after.auditorium_id)
    if missing:
        raise HasReservations(SEATS_ARE_MISSING, details={"seats": named_seats(missing)})
    holds = await sold_showtimes.find_holds_to_move(conn, showtime_id=before.id, auditorium_id=after.auditorium_id)
    in_redis = {(each.id, each.expires_at, tuple(each.new_seat_ids)) for each in taken}
    if not in_redis.issuperset((each.id, each.expires_at, tuple(each.new_seat_ids)) for each in holds):
        raise RoomsChanged
    await sold_showtimes.move_seats(
        conn,
        showtime_id=before.id,
        old_auditorium_id=before.auditorium_id,
        new_auditorium_id=after.auditorium_id,
        reservation_ids=[each.id for each in reserved],
    )


async def release_old_seats(
    context: CatalogContext, showtime_id: int, auditorium_id: int, taken: Sequence[HoldToMove]
) -> None:
    """After the commit: release the seats of the old room in Redis, and all seats of holds that have ended since."""
    if not taken:
        return
    async with context.database.connection() as conn:
        live = await sold_showtimes.find_holds_to_move(conn, showtime_id=showtime_id, auditorium_id=auditorium_id)
    live_ids = {each.id for each in live}

    def left(each: HoldToMove) -> Sequence[int]:
        return each.seat_ids if each.id in live_ids else [*each.seat_ids, *each.new_seat_ids]

    await context.pending_updates.release([HoldRelease(showtime_id, each.id, left(each)) for each in taken])
