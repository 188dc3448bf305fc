"""Confirm holds, all that arrive at the same time in one statement."""

from uuid import UUID

from ..db.repository.confirm_outcomes import ConfirmRequest
from ..db.repository.hold_limits import HoldLimits
from ..db.repository.idempotency import IdempotencyKey
from ..db.repository.reservation_rows import Reservation
from ..errors import HoldExpired, NotFound
from .after_commit import after_commit
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
    payment_id: UUID | None = None,
) -> Reservation:
    """Confirm a hold: its seats are the user's once this returns, and to confirm it again changes nothing.

    One that has expired is confirmed late if its seats can still be had; only such a confirm takes a second
    transaction, in which `limits` count. With the id of a new payment, all that is due was paid elsewhere: the payment
    is recorded with the confirm, and the result is a PaidReservation; if it was confirmed before, no payment is.

    Raises NotFound, HoldExpired, LimitReached, ReservationCancelled, RowLocked, PaymentRequired where the service takes
    payments, NothingToPay for a payment of nothing, SeatsUnavailable if Redis had lost the hold and another user's was
    confirmed first, and with an idempotency key IdempotencyKeyUsed.
    """
    request = ConfirmRequest(reservation_id, user_id, idempotency_key, payment_id)
    try:
        confirmed = await context.batches.confirm(request)
    except HoldExpired:
        confirmed = await confirm_late(context, request, limits=limits)
    except NotFound:
        return await find_archived_with_status(context.database, user_id, reservation_id, "confirmed")
    if confirmed.showtime is None:  # it has changed since the layout was read, or the reservation was confirmed before
        with after_commit():
            layout = await context.layouts.load(confirmed.showtime_id)
        confirmed.showtime = None if layout is None else layout.showtime
    return confirmed
