"""Payments made elsewhere: the client that took the money reports them, which confirms their reservations."""

from uuid import UUID

from ..booking.confirm import confirm
from ..booking.idempotency import new_reservation_id
from ..db.repository import payments
from ..db.repository.hold_limits import HoldLimits
from ..db.repository.payments import Payment
from ..db.repository.reservation_rows import PaidReservation
from ..errors import NothingToPay
from .context import PaymentContext
from .metrics import PAYMENTS_SUCCEEDED


async def pay_elsewhere(
    context: PaymentContext, *, user_id: int, reservation_id: UUID, limits: HoldLimits | None
) -> tuple[Payment, bool]:
    """Confirm a hold of a user of which all that is due was paid, and record the payment: both, or neither.

    The payment, and whether it is new: of a reservation that is paid already, it is the earlier one. Raises
    NothingToPay, and what a confirm raises but PaymentRequired.
    """
    payment_id = new_payment_id()
    confirmed = await confirm(
        context.booking, user_id=user_id, reservation_id=reservation_id, limits=limits, payment_id=payment_id
    )
    if isinstance(confirmed, PaidReservation):
        PAYMENTS_SUCCEEDED.counts["external"] += 1
        head = (payment_id, reservation_id, "external", "succeeded")
        return Payment(*head, confirmed.amount_paid, context.currency, None, None), True
    async with context.booking.database.connection() as conn:  # it was confirmed before
        paid = await payments.find_newest(conn, reservation_id=reservation_id, status="succeeded")
    if paid is None:
        raise NothingToPay
    return paid, False


def new_payment_id() -> UUID:
    """A new UUIDv7."""
    return new_reservation_id(None)
