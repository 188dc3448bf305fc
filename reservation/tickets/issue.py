"""The tickets of a reservation: made when they are first read, so that a confirm writes none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import uuid_utils

from ..db.driver_uuid import DriverUUID
from ..db.pool import Connection
from ..db.repository import tickets
from ..db.repository.reservation_rows import Reservation, ReservedSeat, ReservedShowtime
from ..db.repository.tickets import TicketRow
from ..errors import HoldExpired, ReservationCancelled, ReservationNotConfirmed
from .codes import new_codes
from .context import TicketContext

TRIES = 3  # a new code may be taken, once in a million millions


@dataclass(frozen=True)  # without slots, as orjson writes it faster
class Ticket:
    """A ticket that is good for its seat, and what its QR code has."""

    id: UUID
    code: str
    seat: ReservedSeat
    qr_payload: str
    checked_in_at: datetime | None


async def tickets_of(context: TicketContext, reservation: Reservation) -> Sequence[Ticket]:
    """The tickets of a confirmed reservation in the order of its seats; those that it lacks are made.

    Of an archived reservation they are those that had been made, and a seat that is cancelled meanwhile has none.
    Raises ReservationNotConfirmed, HoldExpired, ReservationCancelled, and RowLocked.
    """
    showtime = showtime_of(reservation)
    rows = {row.seat_id: row for row in await _rows(context, reservation)}
    return [_ticket(context, rows[seat.seat_id], seat, showtime) for seat in reservation.seats if seat.seat_id in rows]


def require_confirmed(reservation: Reservation) -> None:
    """Raise ReservationNotConfirmed, HoldExpired or ReservationCancelled for a reservation without tickets."""
    if reservation.status == "held":
        raise ReservationNotConfirmed
    if reservation.status == "expired":
        raise HoldExpired
    if reservation.status == "cancelled":
        raise ReservationCancelled


def showtime_of(reservation: Reservation) -> ReservedShowtime:
    """The showtime of a reservation that was read with it."""
    if not isinstance(reservation.showtime, ReservedShowtime):
        raise LookupError(f"reservation {reservation.id} was read without its showtime")
    return reservation.showtime


async def _rows(context: TicketContext, reservation: Reservation) -> Sequence[TicketRow]:
    require_confirmed(reservation)
    seats = len(reservation.seats)
    async with context.database.connection() as conn:
        for _ in range(TRIES):
            found = await _list(conn, reservation)
            if len(found) == seats:
                return found
            ids = [DriverUUID(uuid_utils.uuid7().bytes) for _ in range(seats)]
            await tickets.make_tickets(conn, reservation_id=reservation.id, ids=ids, codes=new_codes(seats))
        return await _list(conn, reservation)


async def _list(conn: Connection, reservation: Reservation) -> Sequence[TicketRow]:
    seat_ids = [seat.seat_id for seat in reservation.seats]
    return await tickets.list_tickets(
        conn, reservation_id=reservation.id, showtime_id=reservation.showtime_id, seat_ids=seat_ids
    )


def _ticket(context: TicketContext, row: TicketRow, seat: ReservedSeat, showtime: ReservedShowtime) -> Ticket:
    label = f"{seat.row_label}{seat.seat_number}"
    payload = context.signer.payload(code=row.code, showtime_id=showtime.id, seat=label, starts_at=showtime.starts_at)
    return Ticket(row.id, row.code, seat, payload, row.checked_in_at)
