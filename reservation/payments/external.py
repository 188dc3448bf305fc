"""Payments that are made elsewhere: the client that took the money reports them, many in one statement at a time."""

from collections.abc import Sequence
from uuid import UUID

from ..booking.idempotency import new_reservation_id
from ..db.pool import Database
from ..db.repository import payments
from ..db.repository.payments import ExternalOutcome, ExternalPayment, Payment
from ..errors import HoldExpired, NotFound, NothingToPay, ReservationCancelled, RowLocked
from ..runtime.batching import Batcher
from .metrics import PAYMENTS_SUCCEEDED

MAX_BATCH = 64
SINGLES_AT_ONCE = 2
TRIES = 3  # another request for the same reservation may record its payment at the same moment


class ExternalPayments:
    """Records external payments in batches. Each succeeds or fails by itself; one whose row is locked runs alone."""

    def __init__(self, database: Database, currency: str) -> None:
        self._database = database
        self._currency = currency
        self._batches: Batcher[ExternalPayment, ExternalOutcome | None] = Batcher(
            self._insert_batch, max_batch=MAX_BATCH, name="external_payments"
        )
        self._singles: Batcher[ExternalPayment, ExternalOutcome] = Batcher(
            self._insert_single, max_batch=1, name="single_external_payments", lanes=SINGLES_AT_ONCE
        )

    async def pay(self, *, user_id: int | None, reservation_id: UUID) -> Payment:
        """Record that all that is due for a hold was paid; without `user_id`, for a hold of anybody.

        Of a reservation that is paid already, its payment. Raises NotFound, NothingToPay, HoldExpired,
        ReservationCancelled and RowLocked.
        """
        for _ in range(TRIES):
            asked = ExternalPayment(reservation_id, user_id, new_payment_id())
            outcome = await self._batches.submit(asked) or await self._singles.submit(asked)
            if outcome.made:
                PAYMENTS_SUCCEEDED.counts["external"] += 1
                head = (asked.payment_id, reservation_id, "external", "succeeded")
                return Payment(*head, outcome.amount_due, self._currency, None, None)
            if outcome.status == "expired":
                raise HoldExpired
            if outcome.status == "cancelled":
                raise ReservationCancelled
            async with self._database.connection() as conn:
                paid = await payments.find_newest(conn, reservation_id=reservation_id, status="succeeded")
            if paid is not None:
                return paid
            if outcome.status == "confirmed" or float(outcome.total_price) == 0:
                raise NothingToPay
        raise RowLocked

    async def _insert_batch(self, asked: Sequence[ExternalPayment]) -> Sequence[ExternalOutcome | None]:
        first = {each.reservation_id: each for each in reversed(asked)}
        async with self._database.connection() as conn:
            outcomes = await payments.insert_external(conn, payments=[*first.values()], currency=self._currency)
        return [outcomes.get(each.reservation_id) if first[each.reservation_id] is each else None for each in asked]

    async def _insert_single(self, asked: Sequence[ExternalPayment]) -> Sequence[ExternalOutcome | Exception]:
        [payment] = asked
        async with self._database.transaction() as conn:
            await payments.wait_for_reservation(conn, reservation_id=payment.reservation_id)
            outcomes = await payments.insert_external(conn, payments=asked, currency=self._currency)
        outcome = outcomes.get(payment.reservation_id)
        return [NotFound("There is no such reservation of yours.") if outcome is None else outcome]


def new_payment_id() -> UUID:
    """A new UUIDv7."""
    return new_reservation_id(None)
