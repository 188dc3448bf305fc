"""Showtimes that have live holds and confirmed reservations: what an administrator does to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .auditoriums import SeatInUse
from .rows import every


@dataclass(frozen=True, slots=True)
class LockedReservation:
    """A live hold or a confirmed reservation that the transaction has locked."""

    id: UUID
    status: str
    seat_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class HoldToMove:
    """A live hold, its seats, and those that it gets in another room, fewer if some are missing there."""

    id: UUID
    expires_at: datetime
    left_ms: int
    seat_ids: Sequence[int]
    new_seat_ids: Sequence[int]


async def lock_reservations(conn: Connection, *, showtime_id: int) -> Sequence[LockedReservation]:
    """Lock the live holds and confirmed reservations of a showtime; raises RowLocked after a second."""
    return await every(conn, LockedReservation, "sold_showtimes/lock_reservations", showtime_id)


async def cancel_showtime(conn: Connection, *, showtime_id: int, reason: str) -> bool:
    """Cancel a locked, scheduled showtime; False if it has started."""
    return await conn.fetchval(sql("sold_showtimes/cancel_showtime"), showtime_id, reason) is not None


async def cancel_reservations(conn: Connection, *, showtime_id: int, reservation_ids: Sequence[UUID]) -> None:
    """Cancel locked reservations of a showtime that the transaction cancels, and free all its sold seats."""
    await conn.execute(sql("sold_showtimes/cancel_reservations"), showtime_id, reservation_ids)


async def count_cancelled(conn: Connection, *, showtime_id: int) -> int:
    """How many reservations were cancelled with a showtime."""
    found: int = await conn.fetchval(sql("sold_showtimes/count_cancelled"), showtime_id)
    return found


async def find_missing_seats(conn: Connection, *, showtime_id: int, auditorium_id: int) -> Sequence[SeatInUse]:
    """The booked and held seats of a showtime whose rows and numbers another room does not have."""
    return await every(conn, SeatInUse, "sold_showtimes/find_missing_seats", showtime_id, auditorium_id)


async def find_holds_to_move(conn: Connection, *, showtime_id: int, auditorium_id: int) -> Sequence[HoldToMove]:
    """The live holds of a showtime, with the seats that they get in another room."""
    return await every(conn, HoldToMove, "sold_showtimes/find_holds_to_move", showtime_id, auditorium_id)


async def move_seats(
    conn: Connection,
    *,
    showtime_id: int,
    old_auditorium_id: int,
    new_auditorium_id: int,
    reservation_ids: Sequence[UUID],
) -> None:
    """Give a locked showtime's booked seats and locked reservations the seats of the same rows and numbers."""
    await conn.execute(
        sql("sold_showtimes/move_seats"), showtime_id, old_auditorium_id, new_auditorium_id, reservation_ids
    )
