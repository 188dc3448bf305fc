"""Payments made elsewhere: the client that took the money reports them, which confirms their reservations."""

from decimal import Decimal
from uuid import UUID

import uuid_utils

from ..booking.confirm import confirm
from ..booking.lookup import find
from ..db.driver_uuid import DriverUUID
from ..db.repository import payments
from ..db.repository.hold_limits import HoldLimits
from ..db.repository.payments import Payment
from ..db.repository.reservation_rows import PaidReservation
from ..errors import Invalid, NothingToPay
from .context import PaymentContext
from .metrics import PAYMENTS_SUCCEEDED


async def pay_elsewhere(
    context: PaymentContext,
    *,
    user_id: int,
    reservation_id: UUID,
    limits: HoldLimits | None,
    amount: Decimal | None = None,
) -> tuple[Payment, bool]:
    """Confirm a hold of a user of which all that is due was paid, and record the payment: both, or neither.

    The payment, and whether it is new: of a reservation that is paid already, it is the earlier one. Raises
    NothingToPay, what a confirm raises but PaymentRequired, and Invalid if `amount` was paid and another one is due.
    """
    if amount is not None:
        await _check_amount(context, user_id, reservation_id, amount)
    payment_id = new_payment_id()
    confirmed = await confirm(
        context.booking, user_id=user_id, reservation_id=reservation_id, limits=limits, payment_id=payment_id
    )
    if isinstance(confirmed, PaidReservation):
        PAYMENTS_SUCCEEDED.counts["external"] += 1
        head = (payment_id, reservation_id, "external", "succeeded")
        return Payment(*head, confirmed.amount_paid, context.currency, None, None), True
    async with context.booking.database.connection() as conn:  # it was confirmed before
        paid = await payments.find_newest(
            conn, reservation_id=reservation_id, showtime_id=confirmed.showtime_id, status="succeeded"
        )
    if paid is None:
        raise NothingToPay
    return paid, False


async def _check_amount(context: PaymentContext, user_id: int, reservation_id: UUID, amount: Decimal) -> None:
    """Seats may have been added since the amount was shown to the customer."""
    found = await find(context.booking.database, user_id=user_id, reservation_id=reservation_id)
    if found.status != "held":  # its seats cannot change any more, and it may be in the archive
        return
    async with context.booking.database.connection() as conn:
        due = await payments.find_due(conn, reservation_id=reservation_id, showtime_id=found.showtime_id)
    if (left := due.total_price - due.paid) != amount:
        raise Invalid("/amount", f"{left:.2f} is due: seats have been added or given up.")


def new_payment_id() -> UUID:
    """A new UUIDv7."""
    return DriverUUID(uuid_utils.uuid7().bytes)
