"""Refunds of payments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .rows import every


@dataclass(frozen=True, slots=True)
class ListedRefund:
    """A refund of a list."""

    id: UUID
    payment_id: UUID
    amount: str
    reason: str
    status: str
    created_at: datetime
    succeeded_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedRefund:
    """A refund that the provider is to be asked for; `attempts` counts this one.

    `reference` is the provider's id of a refund that it has begun.
    """

    id: UUID
    payment_id: UUID
    amount: Decimal
    attempts: int
    reference: str | None
    currency: str
    charge_reference: str | None


async def refund_surplus(
    conn: Connection, *, reservation_ids: Sequence[UUID], showtime_id: int | None, reason: str
) -> None:
    """Refund what was paid for locked reservations of a showtime beyond what they cost now, as part of the deed.

    Without a showtime for those that do not exist any more, if it is not known.

    The reason is cancelled, seats_cancelled, exchanged, showtime_cancelled, not_available or overpaid.
    """
    await conn.execute(sql("refunds/refund_surplus"), reservation_ids, reason, showtime_id)


async def claim_refunds(conn: Connection, *, row_limit: int) -> Sequence[ClaimedRefund]:
    """Claim due refunds: each is due again later, unless it is done."""
    return await every(conn, ClaimedRefund, "refunds/claim_refunds", row_limit)


async def mark_succeeded(conn: Connection, *, refund_id: UUID, reference: str) -> None:
    """Mark a refund as done by the provider."""
    await conn.execute(sql("refunds/mark_succeeded"), refund_id, reference)


async def record_attempt(
    conn: Connection, *, refund_id: UUID, status: str, reference: str | None, last_error: str | None
) -> None:
    """Record an attempt that did not succeed; the refund stays pending, or has failed."""
    await conn.execute(sql("refunds/record_attempt"), refund_id, status, reference, last_error)


async def list_refunds(conn: Connection, *, reservation_ids: Sequence[UUID]) -> Sequence[ListedRefund]:
    """The refunds of reservations' payments, the oldest first."""
    return await every(conn, ListedRefund, "refunds/list_refunds", reservation_ids)
