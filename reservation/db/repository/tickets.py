"""Tickets: one a seat of a confirmed reservation, made when it is first read; and their check-ins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .reservation_rows import NamedRow, ReservedCinema, ReservedMovie, ReservedSeat, ReservedShowtime
from .rows import every, maybe


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket that is good; its seat is one of its reservation's."""

    id: UUID
    seat_id: int
    code: str
    created_at: datetime
    checked_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundTicket:
    """A ticket at the door; `is_booked`: whether its seat is booked for its reservation.

    The price is None where the reservation no longer has the seat.
    """

    id: UUID
    code: str
    reservation_id: UUID
    cancelled_at: datetime | None
    checked_in_at: datetime | None
    is_booked: bool
    seat_id: int
    row_label: str
    seat_number: int
    price: str | None
    ticket_type: NamedRow
    showtime: ReservedShowtime

    @property
    def seat(self) -> ReservedSeat:
        """The seat of a ticket that is good."""
        return ReservedSeat(self.seat_id, self.row_label, self.seat_number, self.price or "0.00", self.ticket_type)


@dataclass(frozen=True, slots=True)
class CheckInCount:
    """How many tickets of a showtime are checked in, of how many seats that are sold."""

    checked_in: int
    sold: int


@dataclass(frozen=True, slots=True)
class CheckIn:
    """A ticket that is checked in; `checked_in_by` is an account."""

    ticket_id: UUID
    code: str
    reservation_id: UUID
    seat_id: int
    row_label: str
    seat_number: int
    checked_in_at: datetime
    checked_in_by: int


async def make_tickets(conn: Connection, *, reservation_id: UUID, ids: Sequence[UUID], codes: Sequence[str]) -> None:
    """Make the tickets that a confirmed reservation lacks, of ids and codes for each of its seats; raises RowLocked."""
    await conn.execute(sql("tickets/make_tickets"), reservation_id, ids, codes)


async def list_tickets(
    conn: Connection, *, reservation_id: UUID, showtime_id: int, seat_ids: Sequence[int]
) -> Sequence[TicketRow]:
    """The tickets of these seats of a reservation, those excluded that are cancelled."""
    return await every(conn, TicketRow, "tickets/list_tickets", reservation_id, showtime_id, seat_ids)


async def check_in(
    conn: Connection, *, code: str, checked_in_by: int, checked_in_at: datetime | None, showtime_id: int | None
) -> UUID | None:
    """Check a ticket in, once; its reservation, or None if it cannot be checked in. Without a time, now."""
    found: UUID | None = await conn.fetchval(sql("tickets/check_in"), code, checked_in_by, checked_in_at, showtime_id)
    return found


async def find_ticket(conn: Connection, *, code: str) -> FoundTicket | None:
    """A ticket by its code."""
    row = await conn.fetchrow(sql("tickets/find_ticket"), code)
    if row is None:
        return None
    showtime = ReservedShowtime(
        row["showtime_id"],
        row["starts_at"],
        row["ends_at"],
        row["showtime_status"],
        ReservedMovie(row["movie_id"], row["movie_title"]),
        NamedRow(row["auditorium_id"], row["auditorium_name"]),
        ReservedCinema(row["cinema_id"], row["cinema_name"], row["cinema_timezone"]),
    )
    names = ("id", "code", "reservation_id", "cancelled_at", "checked_in_at", "is_booked")
    seat = ("seat_id", "row_label", "seat_number", "price")
    return FoundTicket(
        **{name: row[name] for name in names + seat},
        ticket_type=NamedRow(row["ticket_type_id"], row["ticket_type_name"]),
        showtime=showtime,
    )


async def count_check_ins(conn: Connection, *, showtime_id: int) -> CheckInCount | None:
    """How many of a showtime's tickets are checked in; None: there is no such showtime."""
    return await maybe(conn, CheckInCount, "tickets/count_check_ins", showtime_id)


async def list_check_ins(
    conn: Connection, *, showtime_id: int, before: datetime, before_id: UUID, row_limit: int
) -> Sequence[CheckIn]:
    """The tickets of a showtime that are checked in, the last first, from those before a sort key on."""
    return await every(conn, CheckIn, "tickets/list_check_ins", showtime_id, before, before_id, row_limit)


async def find_last_change(conn: Connection, *, reservation_id: UUID, showtime_id: int) -> datetime | None:
    """When the seats of a reservation, or the film, room or time of its showtime changed last; None: never."""
    changed_at: datetime | None = await conn.fetchval(sql("tickets/find_last_change"), reservation_id, showtime_id)
    return changed_at
