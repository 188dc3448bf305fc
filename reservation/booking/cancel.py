"""Cancel a hold or a confirmed reservation in one transaction; Redis is told after the commit."""

from uuid import UUID

from ..db.pool import Connection, Database
from ..db.repository import idempotency, reservations
from ..db.repository.idempotency import Claim
from ..db.repository.reservations import LockedReservation, Reservation
from ..errors import HoldExpired, KeyClaimed, NotFound, TooLateToCancel
from ..holds.store import HoldRelease
from .context import BookingContext
from .lookup import find_archived, unchanged


async def cancel(
    context: BookingContext, *, user_id: int, reservation_id: UUID, claim: Claim | None = None
) -> Reservation:
    """Give up a hold, or a confirmed reservation until the cutoff; its seats are free at once.

    Raises NotFound, HoldExpired and TooLateToCancel; under a claim KeyClaimed. A second time changes nothing.
    """
    try:
        locked, cancelled = await _cancel_one(context.database, user_id, reservation_id, context.cancel_cutoff_s, claim)
    except NotFound:
        return unchanged(await find_archived(context.database, user_id, reservation_id), "cancelled")
    await context.pending_updates.release([HoldRelease(locked.showtime_id, reservation_id, locked.seat_ids)])
    return cancelled


async def _cancel_one(
    database: Database, user_id: int, reservation_id: UUID, cutoff_s: int, claim: Claim | None
) -> tuple[LockedReservation, Reservation]:
    """Cancel in one transaction, or leave cancelled; what was locked, and what it is now."""
    async with database.transaction() as conn:
        locked = await _lock(conn, user_id, reservation_id)
        if locked.status == "expired":
            raise HoldExpired
        if claim is not None and not await idempotency.claim(conn, claim=claim, reservation_id=reservation_id):
            raise KeyClaimed
        if locked.status == "confirmed":
            freed = await reservations.free_seats(
                conn, reservation_id=reservation_id, showtime_id=locked.showtime_id, cutoff_s=cutoff_s
            )
            if not freed:
                raise TooLateToCancel
        if locked.status != "cancelled":
            await reservations.mark_cancelled(conn, reservation_id=reservation_id)
        return locked, await _find(conn, user_id, reservation_id)


async def _lock(conn: Connection, user_id: int, reservation_id: UUID) -> LockedReservation:
    locked = await reservations.lock_reservation(conn, reservation_id=reservation_id, user_id=user_id)
    if locked is None:
        raise NotFound("There is no such reservation of yours.")
    return locked


async def _find(conn: Connection, user_id: int, reservation_id: UUID) -> Reservation:
    found = await reservations.find_reservation(conn, reservation_id=reservation_id, user_id=user_id)
    if found is None:
        raise NotFound("There is no such reservation of yours.")
    return found
