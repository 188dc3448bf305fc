"""Deliveries: mails to send, and events to tell webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from ...errors import Json
from ..pool import Connection
from ..statements import sql
from .rows import every, maybe, one

Channel = Literal["mail", "webhook"]
Outcome = Literal["delivered", "dead", "pending"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that is claimed: `attempts` counts this one."""

    id: int
    channel: str
    kind: str
    event_id: int | None
    webhook_id: int | None
    reservation_id: UUID | None
    showtime_id: int | None
    user_id: int | None
    data: dict[str, Json] | None
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryFigures:
    """How much waits, how much was given up, and how long what is due has been waiting, in seconds."""

    mails_waiting: int
    webhooks_waiting: int
    dead: int
    outbox_rows: int
    outbox_age_s: float
    mail_delay_s: float
    webhook_delay_s: float


@dataclass(frozen=True, slots=True)
class SentDelivery:
    """A delivery.

    `message_id` is what a webhook's receiver gets, None for mails and where the event was deleted. `waits_for` is
    the id of the first earlier delivery of the same reservation that has to end before.
    """

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
    waits_for: int | None


async def claim(conn: Connection, *, channel: Channel, row_limit: int, claim_s: int) -> Sequence[Delivery]:
    """Claim deliveries that are due, for some seconds."""
    return await every(conn, Delivery, "deliveries/claim", channel, row_limit, claim_s)


async def end_attempt(
    conn: Connection,
    *,
    delivery: Delivery,
    outcome: Outcome,
    retry_ms: int,
    error: str | None,
    status_code: int | None,
    duration_ms: int,
) -> None:
    """Note what came of an attempt; `pending` is due again after `retry_ms`."""
    await conn.execute(
        sql("deliveries/end_attempt"),
        delivery.id,
        delivery.attempts,
        outcome,
        retry_ms,
        error,
        status_code,
        duration_ms,
    )


async def delete_old(conn: Connection, *, after_id: int, kept_days: int, row_limit: int) -> int | None:
    """Delete deliveries that ended long ago, of a page behind `after_id`; the last id of the page, None at the end."""
    last_id: int | None = await conn.fetchval(sql("deliveries/delete_old"), after_id, kept_days, row_limit)
    return last_id


async def find_figures(conn: Connection, *, row_limit: int) -> DeliveryFigures:
    """What waits, counted up to `row_limit`."""
    return await one(conn, DeliveryFigures, "deliveries/figures", row_limit)


async def list_dead(conn: Connection, *, channel: str | None, before_id: int, row_limit: int) -> Sequence[SentDelivery]:
    """A page of the deliveries that were given up, newest first."""
    return await every(conn, SentDelivery, "deliveries/list_dead", channel, before_id, row_limit)


async def find_delivery(conn: Connection, *, delivery_id: int) -> SentDelivery | None:
    """One delivery; None also if its webhook was deleted."""
    return await maybe(conn, SentDelivery, "deliveries/find_delivery", delivery_id)


async def send_again(conn: Connection, *, delivery_id: int, also_delivered: bool) -> None:
    """Make a delivery due now, unless it is under way."""
    await conn.execute(sql("deliveries/send_again"), delivery_id, also_delivered)
