"""Confirm holds, all that arrive at the same time in one statement."""

from uuid import UUID

from ..db.repository.hold_limits import HoldLimits
from ..db.repository.idempotency import IdempotencyKey
from ..db.repository.reservation_rows import Reservation
from ..db.repository.reservations import ConfirmRequest
from ..errors import HoldExpired, NotFound
from .context import BookingContext
from .late_confirm import confirm_late
from .lookup import find_archived_with_status


async def confirm(
    context: BookingContext,
    *,
    user_id: int,
    reservation_id: UUID,
    limits: HoldLimits | None = None,
    idempotency_key: IdempotencyKey | None = None,
) -> Reservation:
    """Confirm a hold: its seats are the user's once this returns, and to confirm it again changes nothing.

    One that has expired is confirmed late if its seats can still be had; only such a confirm takes a second
    transaction, in which `limits` count. Raises NotFound, HoldExpired, LimitReached, ReservationCancelled, RowLocked,
    PaymentRequired where the service takes payments, SeatsUnavailable if Redis had lost the hold and another user's was
    confirmed first, and with an idempotency key IdempotencyKeyUsed.
    """
    try:
        confirmed = await context.batches.confirm(ConfirmRequest(reservation_id, user_id, idempotency_key))
    except HoldExpired:
        confirmed = await confirm_late(
            context,
            user_id=user_id,
            reservation_id=reservation_id,
            limits=limits,
            idempotency_key=idempotency_key,
        )
    except NotFound:
        return await find_archived_with_status(context.database, user_id, reservation_id, "confirmed")
    if confirmed.showtime is None:  # it has changed since the layout was read, or the reservation was confirmed before
        layout = await context.layouts.load(confirmed.showtime_id)
        confirmed.showtime = None if layout is None else layout.showtime
    return confirmed
