"""Deliveries as administrators see them, and those that they send again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .rows import every, maybe

HIGHEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SentDelivery:
    """A delivery; `message_id` is what a webhook's receiver gets, None for mails and where the event was deleted."""

    id: int
    channel: str
    kind: str
    message_id: str | None
    webhook_id: int | None
    reservation_id: UUID | None
    showtime_id: int | None
    user_id: int | None
    status: str
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    last_error: str | None
    last_status_code: int | None
    last_duration_ms: int | None


async def list_deliveries(
    conn: Connection, *, webhook_id: int, before_id: int, status: str | None, row_limit: int
) -> Sequence[SentDelivery]:
    """A page of a webhook's deliveries, newest first."""
    return await every(conn, SentDelivery, "webhooks/list_deliveries", webhook_id, before_id, status, row_limit)


async def list_dead(conn: Connection, *, channel: str | None, before_id: int, row_limit: int) -> Sequence[SentDelivery]:
    """A page of the deliveries that were given up, newest first."""
    return await every(conn, SentDelivery, "deliveries/list_dead", channel, before_id, row_limit)


async def find_delivery(conn: Connection, *, delivery_id: int) -> SentDelivery | None:
    """One delivery; None also if its webhook was deleted."""
    return await maybe(conn, SentDelivery, "deliveries/find_delivery", delivery_id)


async def insert_test(conn: Connection, *, webhook_id: int) -> int:
    """Add a delivery of a test to a webhook; its id."""
    delivery_id: int = await conn.fetchval(sql("webhooks/insert_test"), webhook_id)
    return delivery_id


async def send_again(conn: Connection, *, delivery_id: int, also_delivered: bool, claim_s: int) -> None:
    """Make a delivery due now, unless it may be under way."""
    await conn.execute(sql("deliveries/send_again"), delivery_id, also_delivered, claim_s)
