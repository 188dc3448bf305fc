"""Changes of reservations: partial cancels, seats added to holds, exchanges, late confirms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ...errors import AlreadyCheckedIn
from ..pool import Connection
from ..statements import sql
from .idempotency import IdempotencyKey
from .reservation_rows import STANDARD_TICKET, Reservation, ReservedSeat, reservation_of
from .rows import maybe, one


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """The id of a change, unique within its reservation, and what was left of the hold in milliseconds."""

    change_id: int
    left_ms: int


@dataclass(frozen=True, slots=True)
class Takers:
    """Whether a showtime is on sale, the versions of its layout and of ticket types, and which seats others have.

    Blocked seats are among the booked ones. Missing ones were removed, or the showtime has got another room.
    """

    layout_version: int
    ticket_version: int
    on_sale: bool
    booked: Sequence[int]
    blocked: Sequence[int]
    held: Sequence[int]
    missing: Sequence[int]


async def set_seats(
    conn: Connection,
    *,
    reservation_id: UUID,
    showtime_id_before: int,
    change: str,
    changed_by: str,
    reason: str | None,
    showtime_id: int,
    seats: Sequence[ReservedSeat],
) -> RecordedChange:
    """Give a locked reservation these seats, in the order of the seat map, and record what it had before.

    The change is cancelled_seats, added_seats or exchanged, by customer, cinema or staff; a reason is the box office's.
    """
    ticket_type_ids = [seat.ticket_type.id for seat in seats]
    return await one(
        conn,
        RecordedChange,
        "reservations/set_seats",
        reservation_id,
        change,
        changed_by,
        reason,
        showtime_id,
        [seat.seat_id for seat in seats],
        [seat.row_label for seat in seats],
        [seat.seat_number for seat in seats],
        [seat.price for seat in seats],
        [] if all(each == STANDARD_TICKET for each in ticket_type_ids) else ticket_type_ids,
        showtime_id_before,
    )


async def undo_change(
    conn: Connection, *, reservation_id: UUID, change_id: int, idempotency_key: IdempotencyKey | None
) -> str | None:
    """Take back the last change of a locked hold, and delete its idempotency key; None if it is not that any more.

    The hold's status: held, or cancelled if its seats of before are not to be had any more. Its showtime of before is
    locked, too.
    """
    key = (None, None) if idempotency_key is None else idempotency_key.primary_key
    status: str | None = await conn.fetchval(sql("reservations/undo_change"), reservation_id, change_id, *key)
    return status


async def find_before_change(conn: Connection, *, reservation_id: UUID, at: datetime) -> Reservation | None:
    """A reservation with the seats that it had at a moment; None if they were not changed since."""
    row = await conn.fetchrow(sql("reservations/find_before_change"), reservation_id, at)
    return None if row is None else reservation_of(row)


async def lock_showtimes(conn: Connection, *, showtime_ids: Sequence[int]) -> None:
    """Lock showtimes against new reservations until the end of the transaction."""
    await conn.execute(sql("reservations/lock_showtimes"), showtime_ids)


async def find_takers(
    conn: Connection, *, reservation_id: UUID, showtime_id: int, seat_ids: Sequence[int]
) -> Takers | None:
    """What others have of these seats, and whether the locked showtime sells any; None: there is no such showtime."""
    return await maybe(conn, Takers, "reservations/find_takers", reservation_id, showtime_id, seat_ids)


async def free_seats(
    conn: Connection, *, reservation_id: UUID, showtime_id: int, cutoff_s: int | None, seat_ids: Sequence[int]
) -> int:
    """Free seats of a locked, confirmed reservation; 0 if the showtime starts in less than `cutoff_s`, if given.

    Their tickets are cancelled. Raises AlreadyCheckedIn, after which the caller rolls back.
    """
    freed = await conn.fetch(sql("reservations/free_seats"), reservation_id, showtime_id, cutoff_s, seat_ids)
    for row in freed:
        if row["checked_in_at"] is not None:
            raise AlreadyCheckedIn(row["checked_in_at"])
    return len(freed)


async def book_seats(
    conn: Connection, *, reservation_id: UUID, showtime_id: int, seat_ids: Sequence[int]
) -> frozenset[int]:
    """Book seats for a locked, confirmed reservation; those that it owns now."""
    rows = await conn.fetch(sql("reservations/book_seats"), reservation_id, showtime_id, seat_ids)
    return frozenset(row["seat_id"] for row in rows)


async def revive_hold(conn: Connection, *, reservation_id: UUID, showtime_id: int, ttl_s: int) -> bool:
    """Let a locked, expired hold live for some seconds more, to be confirmed late.

    False if it is not expired, or if one of its seats has got another row or number, or the showtime another film, room
    or time since.
    """
    return await conn.fetchval(sql("reservations/revive_hold"), reservation_id, ttl_s, showtime_id) is not None
