"""Payments of reservations, and the events of the payment provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .reservation_showtimes import in_its_showtime
from .rows import every, maybe


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as it is answered to who pays; the amount has two digits. An external one has no page."""

    id: UUID
    reservation_id: UUID
    provider: str
    status: str
    amount: str
    currency: str
    reference: str | None
    checkout_url: str | None


@dataclass(frozen=True, slots=True)
class ListedPayment:
    """A payment of a list; `refunded` is the sum of its refunds, made and pending."""

    id: UUID
    reservation_id: UUID
    provider: str
    status: str
    amount: str
    refunded: str
    currency: str
    checkout_url: str | None
    created_at: datetime
    succeeded_at: datetime | None


@dataclass(frozen=True, slots=True)
class PaymentState:
    """A payment as the jobs and the webhook need it; `is_held`: its reservation is a live hold.

    The owner is None if the reservation does not exist any more; the showtime may be None then, too.
    """

    id: UUID
    reservation_id: UUID
    showtime_id: int | None
    provider: str
    status: str
    reference: str | None
    is_settled: bool
    user_id: int | None
    is_held: bool
    age_s: float


@dataclass(frozen=True, slots=True)
class Due:
    """What a reservation costs, and what was paid for it and not refunded."""

    total_price: Decimal
    paid: Decimal


async def find_due(conn: Connection, *, reservation_id: UUID, showtime_id: int) -> Due:
    """What a reservation costs, and what was paid."""

    async def find(showtime_id: int) -> Due | None:
        return await maybe(conn, Due, "payments/find_due", reservation_id, showtime_id)

    due = await in_its_showtime(conn, reservation_id, showtime_id, find)
    if due is None:
        raise LookupError(f"there is no reservation {reservation_id}")
    return due


async def cancel_pending(conn: Connection, *, reservation_id: UUID, showtime_id: int, amount: Decimal) -> None:
    """Cancel the pending payment of a locked reservation, if it is of another amount."""
    await conn.execute(sql("payments/cancel_pending"), reservation_id, amount, showtime_id)


async def insert_pending(
    conn: Connection, *, payment_id: UUID, reservation_id: UUID, showtime_id: int, amount: Decimal, currency: str
) -> None:
    """Open a payment of a locked reservation with the provider, unless one is pending."""
    args = (payment_id, reservation_id, amount, currency, showtime_id)
    await conn.execute(sql("payments/insert_pending"), *args)


async def find_newest(conn: Connection, *, reservation_id: UUID, showtime_id: int, status: str) -> Payment | None:
    """The newest payment of a reservation that is pending or has succeeded."""

    async def find(showtime_id: int) -> Payment | None:
        return await maybe(conn, Payment, "payments/find_newest", reservation_id, status, showtime_id)

    return await in_its_showtime(conn, reservation_id, showtime_id, find)


async def set_checkout(conn: Connection, *, payment_id: UUID, reference: str, checkout_url: str) -> bool:
    """Record the page of a pending payment; False if it is not pending any more."""
    return await conn.fetchval(sql("payments/set_checkout"), payment_id, reference, checkout_url) is not None


async def mark_succeeded(
    conn: Connection, *, payment_id: UUID, reference: str, charge_reference: str | None
) -> UUID | None:
    """Mark a payment as paid, whatever its status was; its reservation, or None if it was paid before."""
    reservation_id: UUID | None = await conn.fetchval(
        sql("payments/mark_succeeded"), payment_id, reference, charge_reference
    )
    return reservation_id


async def mark_ended(conn: Connection, *, payment_id: UUID, status: str) -> None:
    """End a payment that was not made, as failed or cancelled."""
    await conn.execute(sql("payments/mark_ended"), payment_id, status)


async def insert_event(conn: Connection, *, event_id: str, kind: str) -> bool:
    """Record an event of the provider; False if it was carried out before."""
    return await conn.fetchval(sql("payments/insert_event"), event_id, kind) is not None


async def delete_old_events(conn: Connection) -> None:
    """Delete the provider's events that are older than 30 days."""
    await conn.execute(sql("payments/delete_old_events"))


async def find_payment(conn: Connection, *, payment_id: UUID) -> PaymentState | None:
    """A payment, and whose it is."""
    return await maybe(conn, PaymentState, "payments/find_payment", payment_id)


async def list_due(conn: Connection, *, row_limit: int) -> Sequence[UUID]:
    """The payments at which the background job has to look."""
    return [row["id"] for row in await conn.fetch(sql("payments/list_due"), row_limit)]


async def settle_reservation(conn: Connection, *, reservation_id: UUID, showtime_id: int | None) -> None:
    """Settle the payments of a locked reservation, or if it is held let the job look at them when the hold ends."""
    await conn.execute(sql("payments/settle_reservation"), reservation_id, showtime_id)


async def postpone_check(conn: Connection, *, payment_id: UUID, delay_s: int) -> None:
    """Let the background job look at a payment later."""
    await conn.execute(sql("payments/postpone_check"), payment_id, delay_s)


async def list_payments(conn: Connection, *, reservation_ids: Sequence[UUID]) -> Sequence[ListedPayment]:
    """The payments of reservations, those of each the oldest first."""
    return await every(conn, ListedPayment, "payments/list_payments", reservation_ids)
