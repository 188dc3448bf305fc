"""Check tickets in at the door: each once, also if others scan or cancel it at the same time."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..db.pool import Connection
from ..db.repository import idempotency, tickets
from ..db.repository.idempotency import IdempotencyKey
from ..db.repository.reservation_rows import ReservedSeat, ReservedShowtime
from ..db.repository.tickets import CheckInCount, FoundTicket
from ..errors import (
    AlreadyCheckedIn,
    DomainError,
    IdempotencyKeyUsed,
    NotFound,
    RowLocked,
    TicketCancelled,
    WrongShowtime,
)
from .codes import typed_code
from .context import TicketContext


@dataclass(frozen=True, slots=True)
class Scan:
    """What a member of staff or a scanner asks for: the code, typed or scanned, and the showtime that it has to be of.

    `checked_in_at` is when a scanner without a connection has let the customer in.
    """

    code: str
    staff_id: int
    showtime_id: int | None = None
    checked_in_at: datetime | None = None


@dataclass(frozen=True)
class CheckedIn:
    """A ticket that was checked in, and how many of its showtime are by now."""

    ticket_id: UUID
    code: str
    reservation_id: UUID
    seat: ReservedSeat
    showtime: ReservedShowtime
    checked_in_at: datetime
    count: CheckInCount


async def check_in(context: TicketContext, scan: Scan, idempotency_key: IdempotencyKey | None = None) -> CheckedIn:
    """Check a ticket in.

    Raises Invalid (neither a code, nor signed by the cinema), NotFound, TicketCancelled, WrongShowtime,
    AlreadyCheckedIn, RowLocked, and with an idempotency key IdempotencyKeyUsed.
    """
    code = code_of(context, scan.code)
    async with _connection(context, idempotency_key) as conn:
        reservation_id = await tickets.check_in(
            conn,
            code=code,
            checked_in_by=scan.staff_id,
            checked_in_at=scan.checked_in_at,
            showtime_id=scan.showtime_id,
        )
        found = await _find(conn, code)
        if reservation_id is None:
            raise _refusal(found, scan.showtime_id)
        if idempotency_key is not None and not await idempotency.claim(
            conn, idempotency_key=idempotency_key, reservation_id=reservation_id
        ):
            raise IdempotencyKeyUsed
        return await _checked_in(conn, found)


async def find_checked_in(context: TicketContext, code: str) -> CheckedIn:
    """What the check-in of a ticket answered, with the count of now; raises NotFound."""
    async with context.database.connection() as conn:
        return await _checked_in(conn, await _find(conn, code_of(context, code)))


def code_of(context: TicketContext, text: str) -> str:
    """The code of a ticket, as it was typed or scanned; raises Invalid."""
    return context.signer.code_of(text) if "." in text else typed_code(text)


def _connection(
    context: TicketContext, idempotency_key: IdempotencyKey | None
) -> AbstractAsyncContextManager[Connection]:
    """The check-in is one statement; with an idempotency key it is committed together with that."""
    return context.database.connection() if idempotency_key is None else context.database.transaction()


def _refusal(found: FoundTicket, showtime_id: int | None) -> DomainError:
    if found.cancelled_at is not None or not found.is_booked:
        return TicketCancelled()
    if showtime_id is not None and found.showtime.id != showtime_id:
        return WrongShowtime(found.showtime.id)
    if found.checked_in_at is not None:
        return AlreadyCheckedIn(found.checked_in_at)
    return RowLocked()  # it has changed since: another try finds what it is now


async def _find(conn: Connection, code: str) -> FoundTicket:
    found = await tickets.find_ticket(conn, code=code)
    if found is None:
        raise NotFound("There is no ticket with this code.")
    return found


async def _checked_in(conn: Connection, found: FoundTicket) -> CheckedIn:
    count = await tickets.count_check_ins(conn, showtime_id=found.showtime.id)
    if count is None or found.checked_in_at is None:
        raise NotFound("There is no ticket with this code that is checked in.")
    return CheckedIn(found.id, found.code, found.reservation_id, found.seat, found.showtime, found.checked_in_at, count)
