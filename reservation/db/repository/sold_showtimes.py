"""Showtimes that have live holds and confirmed reservations: what an administrator does to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .rows import every


@dataclass(frozen=True, slots=True)
class LockedReservation:
    """A live hold or a confirmed reservation that the transaction has locked."""

    id: UUID
    status: str
    seat_ids: Sequence[int]


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
