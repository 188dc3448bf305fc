"""What follows when a payment was made: its reservation is confirmed, or if it cannot be had, the money is refunded.

Each step can be repeated. A payment is settled only at the end, and until then a job takes it up.
"""

from uuid import UUID

from ..booking.confirm import confirm
from ..db.pool import Connection
from ..db.repository import payments, refunds, reservations
from ..db.repository.payments import PaymentState
from ..errors import (
    HoldExpired,
    LimitReached,
    NotFound,
    PaymentRequired,
    ReservationCancelled,
    SeatsUnavailable,
    TooLateToCancel,
)
from .checked import CheckedPayment, StripeEvent
from .context import PaymentContext
from .metrics import PAYMENTS_SUCCEEDED

NOT_TO_BE_HAD = (HoldExpired, LimitReached, NotFound, ReservationCancelled, SeatsUnavailable, TooLateToCancel)


async def handle_event(context: PaymentContext, event: StripeEvent) -> None:
    """Carry out an event of Stripe's webhook; one that was carried out before only finishes what was interrupted."""
    if event.payment_id is None or event.payment is None:
        return
    async with context.booking.database.transaction() as conn:
        is_new = await payments.insert_event(conn, event_id=event.id, kind=event.kind)
        if is_new:
            await _record(conn, event.payment_id, event.payment, ended_as="failed")
    context.log.info("payment_event", kind=event.kind, payment_id=str(event.payment_id), repeated=not is_new)
    await settle(context, event.payment_id)


async def record_check(context: PaymentContext, payment_id: UUID, checked: CheckedPayment, *, ended_as: str) -> None:
    """Act on what Stripe has answered about a payment, as on its event."""
    async with context.booking.database.connection() as conn:
        await _record(conn, payment_id, checked, ended_as=ended_as)
    await settle(context, payment_id)


async def _record(conn: Connection, payment_id: UUID, checked: CheckedPayment, *, ended_as: str) -> None:
    if checked.state == "failed":
        await payments.mark_ended(conn, payment_id=payment_id, status=ended_as)
    elif checked.state == "paid":
        reservation_id = await payments.mark_succeeded(
            conn, payment_id=payment_id, reference=checked.reference, charge_reference=checked.charge_reference
        )
        if reservation_id is not None:
            PAYMENTS_SUCCEEDED.counts["stripe"] += 1


async def settle(context: PaymentContext, payment_id: UUID) -> None:
    """Confirm the reservation of a payment that was made, and refund what was paid beyond what it costs then."""
    async with context.booking.database.connection() as conn:
        payment = await payments.find_payment(conn, payment_id=payment_id)
    if payment is None or payment.status != "succeeded" or payment.is_settled:
        return
    reason = await _confirm(context, payment)
    async with context.booking.database.transaction() as conn:
        showtime_id = payment.showtime_id
        if payment.user_id is not None:
            locked = await reservations.lock_reservation(
                conn, reservation_id=payment.reservation_id, user_id=payment.user_id
            )
            if locked is not None:  # it may have been exchanged since the payment was read
                showtime_id = locked.showtime_id
        # First: a payment that succeeds between the two stays unsettled, and a job refunds what is beyond the price.
        await payments.settle_reservation(conn, reservation_id=payment.reservation_id, showtime_id=showtime_id)
        await refunds.refund_surplus(
            conn, reservation_ids=[payment.reservation_id], showtime_id=showtime_id, reason=reason
        )


async def _confirm(context: PaymentContext, payment: PaymentState) -> str:
    """Confirm the reservation, also late; the reason of what is to be refunded then."""
    if payment.user_id is None:
        return "not_available"
    try:
        await confirm(context.booking, user_id=payment.user_id, reservation_id=payment.reservation_id)
    except PaymentRequired:  # seats were added since the payment was opened: the rest is due
        return "overpaid"
    except NOT_TO_BE_HAD as error:
        context.log.warning("paid_but_not_available", payment_id=str(payment.id), cause=type(error).__name__)
        return "not_available"
    return "overpaid"
