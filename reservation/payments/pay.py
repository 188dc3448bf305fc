"""Pay for a hold: open a payment with Stripe, on whose page it is made."""

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from ..booking.after_commit import after_commit
from ..booking.extend import extend
from ..booking.lookup import find
from ..db.repository import payments, reservations
from ..db.repository.payments import Payment
from ..db.repository.reservation_rows import Reservation
from ..errors import (
    HoldExpired,
    HoldsUnavailable,
    NotFound,
    NothingToPay,
    PaymentProviderUnavailable,
    ReservationCancelled,
    ReservationConfirmed,
    RowLocked,
    SalesEnded,
    ShowtimeStarted,
)
from ..runtime.timing import outside_gate
from .context import PaymentContext
from .external import new_payment_id


async def pay(context: PaymentContext, *, user_id: int, reservation_id: UUID) -> tuple[Payment, bool]:
    """The open payment of a hold, with the page on which it is made; the hold is extended as far as it can be.

    Also whether its page is new. Of a reservation that is paid already, its payment. Raises NotFound, NothingToPay,
    HoldExpired, ReservationCancelled, SeatsUnavailable, RowLocked, PaymentProviderUnavailable, and HoldsUnavailable if
    there is no page yet.
    """
    if context.stripe is None:
        raise NothingToPay
    found = await find(context.booking.database, user_id=user_id, reservation_id=reservation_id)
    not_extended: HoldsUnavailable | None = None
    if found.status == "held" and Decimal(found.total_price) > 0:
        try:
            # After the end of the sale it cannot be extended, but confirmed, until it expires.
            with suppress(SalesEnded, ShowtimeStarted, ReservationConfirmed):
                await extend(
                    context.booking, user_id=user_id, reservation_id=reservation_id, ttl_s=context.booking.hold_max_s
                )
        except HoldsUnavailable as error:
            not_extended = error
    with after_commit():
        payment = await _open(context, user_id, found)
    if payment.status == "succeeded" or payment.checkout_url is not None:
        return payment, False
    if not_extended is not None:  # a customer who has a page already gets it all the same
        raise not_extended
    with outside_gate():  # a slow provider must not hold up confirms
        checkout = await context.stripe.create(payment, title=found.code)
    if checkout.checkout_url is None:  # it was made already, or its time is over: a job ends it
        raise PaymentProviderUnavailable
    with after_commit():
        async with context.booking.database.connection() as conn:
            is_open = await payments.set_checkout(
                conn, payment_id=payment.id, reference=checkout.reference, checkout_url=checkout.checkout_url
            )
    if not is_open:
        raise RowLocked
    return replace(payment, reference=checkout.reference, checkout_url=checkout.checkout_url), True


async def _open(context: PaymentContext, user_id: int, found: Reservation) -> Payment:
    """The pending payment of what is due, a new one if there is none, or if nothing is due the one that was made."""
    async with context.booking.database.transaction() as conn:
        locked = await reservations.lock_reservation(conn, reservation_id=found.id, user_id=user_id)
        if locked is None:
            raise NotFound("There is no such reservation of yours.")
        if locked.status == "expired":
            raise HoldExpired
        if locked.status == "cancelled":
            raise ReservationCancelled
        showtime_id = locked.showtime_id
        due = await payments.find_due(conn, reservation_id=found.id, showtime_id=showtime_id)
        amount = due.total_price - due.paid
        if locked.status == "confirmed" or amount <= 0:
            paid = await payments.find_newest(
                conn, reservation_id=found.id, showtime_id=showtime_id, status="succeeded"
            )
            if paid is None:
                raise NothingToPay
            return paid
        await payments.cancel_pending(conn, reservation_id=found.id, showtime_id=showtime_id, amount=amount)
        await payments.insert_pending(
            conn,
            payment_id=new_payment_id(),
            reservation_id=found.id,
            showtime_id=showtime_id,
            amount=amount,
            currency=context.currency,
        )
        opened = await payments.find_newest(conn, reservation_id=found.id, showtime_id=showtime_id, status="pending")
    if opened is None:
        raise LookupError(f"reservation {found.id} is locked and has no pending payment")
    return opened
