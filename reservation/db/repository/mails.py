"""The mails that wait to be sent, and what they tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from ...runtime.trace_context import sampled_traceparent
from ..pool import Connection
from ..statements import sql
from .rows import maybe


@dataclass(frozen=True, slots=True)
class MailedShowtime:
    """A showtime as a mail tells it."""

    starts_at: datetime
    ends_at: datetime
    is_cancelled: bool
    cancel_reason: str | None
    format: str | None
    movie: str
    auditorium: str
    cinema: str
    cinema_address: str | None
    timezone: str


@dataclass(frozen=True, slots=True)
class MailedSeat:
    """A seat; its ticket type is empty where all seats of the reservation are of the standard type."""

    row_label: str
    seat_number: int
    price: Decimal
    ticket_type: str


@dataclass(frozen=True, slots=True)
class SeatsBefore:
    """What a reservation had before a change, and what the change refunds."""

    showtime: MailedShowtime
    seats: Sequence[MailedSeat]
    total_price: Decimal
    refund: Decimal | None


@dataclass(frozen=True, slots=True)
class MailedReservation:
    """A reservation, and who gets the mail: without an address for an erased person.

    `refund` is what its cancel refunds.
    """

    id: UUID
    code: str
    status: str
    total_price: Decimal
    expires_at: datetime
    cancelled_by: str | None
    was_confirmed: bool
    refund: Decimal | None
    seats: Sequence[MailedSeat]
    showtime: MailedShowtime
    customer_name: str
    customer_email: str | None
    customer_language: str | None
    has_account: bool


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a mail about an account; the language is a tag such as de-AT."""

    name: str
    email: str
    language: str | None
    email_verified: bool


async def add_deliveries(conn: Connection, *, first_event_id: int, last_event_id: int) -> None:
    """Add the mails that some events cause."""
    await conn.execute(sql("mails/add_deliveries"), first_event_id, last_event_id)


async def add_reminders(conn: Connection, *, reminder_s: int, row_limit: int) -> int:
    """Add the reminders of showtimes that start within some seconds; of how many showtimes, at most `row_limit`."""
    noted: int = await conn.fetchval(sql("mails/add_reminders"), reminder_s, row_limit)
    return noted


async def request_reset(conn: Connection, *, email: str, anyway: bool) -> None:
    """Add a mail with a token for a new password, to whoever has an account with the address."""
    await conn.execute(sql("mails/request_reset"), email, anyway, sampled_traceparent())


async def request_verification(conn: Connection, *, user_id: int, anyway: bool) -> None:
    """Add a mail with a token that confirms an account's address."""
    await conn.execute(sql("mails/request_verification"), user_id, anyway, sampled_traceparent())


async def find_recipient(conn: Connection, *, user_id: int) -> Recipient | None:
    """Who gets a mail about an account; None: the person was erased."""
    return await maybe(conn, Recipient, "mails/find_recipient", user_id)


async def find_reservation(conn: Connection, *, reservation_id: UUID) -> MailedReservation | None:
    """What a mail about a reservation tells; None: it was archived or deleted."""
    row = await conn.fetchrow(sql("mails/find_reservation"), reservation_id)
    if row is None:
        return None
    own = _columns(row, MailedReservation)
    return MailedReservation(**own, seats=_seats(row), showtime=MailedShowtime(**_columns(row, MailedShowtime)))


async def find_before_change(conn: Connection, *, event_id: int) -> SeatsBefore | None:
    """What a reservation had before the change that an event tells."""
    row = await conn.fetchrow(sql("mails/find_before_change"), event_id)
    if row is None:
        return None
    return SeatsBefore(MailedShowtime(**_columns(row, MailedShowtime)), _seats(row), row["total_price"], row["refund"])


async def find_showtime_before(conn: Connection, *, event_id: int) -> MailedShowtime | None:
    """A showtime before the change that an event tells."""
    return await maybe(conn, MailedShowtime, "mails/find_showtime_before", event_id)


def _columns(row: asyncpg.Record, kind: type) -> dict[str, Any]:
    return {name: row[name] for name in kind.__annotations__ if name in row}


def _seats(row: asyncpg.Record) -> Sequence[MailedSeat]:
    types = row["ticket_types"] or [""] * len(row["row_labels"])
    return [
        MailedSeat(*seat) for seat in zip(row["row_labels"], row["seat_numbers"], row["prices"], types, strict=True)
    ]
