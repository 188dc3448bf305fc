"""Cancel a hold or a confirmed reservation in one transaction; after the commit, Redis releases its seats."""

from typing import NamedTuple
from uuid import UUID

from ..db.pool import Database
from ..db.repository import idempotency, reservations
from ..db.repository.idempotency import IdempotencyKey
from ..db.repository.reservation_rows import Reservation
from ..db.repository.reservations import LockedReservation
from ..errors import HoldExpired, IdempotencyKeyUsed, NotFound, TooLateToCancel
from ..holds.store import HoldRelease
from .context import BookingContext
from .lookup import find_archived_with_status


class Canceller(NamedTuple):
    """Who cancels: customer, cinema or staff, and the reason, which the box office gives to cancel at any time."""

    who: str
    reason: str | None = None


CUSTOMER = Canceller("customer")


async def cancel(
    context: BookingContext,
    *,
    user_id: int,
    reservation_id: UUID,
    canceller: Canceller = CUSTOMER,
    idempotency_key: IdempotencyKey | None = None,
) -> Reservation:
    """Cancel a hold, or a confirmed reservation until the cutoff; its seats are free at once.

    Raises NotFound, HoldExpired, TooLateToCancel, RowLocked, and with an idempotency key IdempotencyKeyUsed. To cancel
    it again changes nothing.
    """
    try:
        cutoff_s = context.cancel_cutoff_s if canceller.reason is None else None
        locked, cancelled = await _cancel(
            context.database, user_id, reservation_id, cutoff_s, canceller, idempotency_key
        )
    except NotFound:
        return await find_archived_with_status(context.database, user_id, reservation_id, "cancelled")
    await context.pending_updates.release([HoldRelease(locked.showtime_id, reservation_id, locked.seat_ids)])
    return cancelled


async def _cancel(
    database: Database,
    user_id: int,
    reservation_id: UUID,
    cutoff_s: int | None,
    canceller: Canceller,
    idempotency_key: IdempotencyKey | None,
) -> tuple[LockedReservation, Reservation]:
    """The reservation before and after."""
    async with database.transaction() as conn:
        locked = await reservations.lock_reservation(conn, reservation_id=reservation_id, user_id=user_id)
        if locked is None:
            raise NotFound("There is no such reservation of yours.")
        if locked.status == "expired":
            raise HoldExpired
        if idempotency_key is not None and not await idempotency.claim(
            conn, idempotency_key=idempotency_key, reservation_id=reservation_id
        ):
            raise IdempotencyKeyUsed
        if locked.status == "confirmed":
            freed = await reservations.free_seats(
                conn, reservation_id=reservation_id, showtime_id=locked.showtime_id, cutoff_s=cutoff_s
            )
            if not freed and cutoff_s is not None:
                raise TooLateToCancel
        if locked.status != "cancelled":
            await reservations.mark_cancelled(
                conn, reservation_id=reservation_id, cancelled_by=canceller.who, reason=canceller.reason
            )
        cancelled = await reservations.find_reservation(conn, reservation_id=reservation_id, user_id=user_id)
        if cancelled is None:
            raise LookupError(f"reservation {reservation_id} is locked and cannot be read")
        return locked, cancelled
