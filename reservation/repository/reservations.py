"""Reservations: the hold that PostgreSQL knows of, and who owns which seat in the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from ..database import Connection
from ..queries import sql
from .rows import maybe


@dataclass(frozen=True, slots=True)
class ReservedSeat:
    """A seat of a reservation, at the price it was held for."""

    seat_id: int
    row_label: str
    seat_number: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Reservation:
    """A hold on seats of one showtime, and what became of it: held, confirmed, cancelled or expired."""

    id: UUID
    showtime_id: int
    status: str
    seats: tuple[ReservedSeat, ...]
    total_price: Decimal
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LockedReservation:
    """What confirm and cancel decide by; seat ids in order."""

    showtime_id: int
    status: str
    seat_ids: Sequence[int]


async def insert_held(
    conn: Connection, *, reservation_id: UUID, user_id: int, showtime_id: int, seat_ids: Sequence[int], ttl_ms: int
) -> Reservation | frozenset[int]:
    """Write down a hold that Redis has granted, or answer the booked seats that stand against it.

    An empty answer means that the showtime has started, is gone, or has changed its room since it was looked at.
    """
    row = await conn.fetchrow(
        sql("reservations/insert_held"), reservation_id, user_id, showtime_id, list(seat_ids), ttl_ms
    )
    if row is None:
        raise LookupError("reservations/insert_held answered no row")
    return frozenset(row["booked"]) if row["id"] is None else _reservation(row)


async def find_booked(conn: Connection, *, showtime_id: int, seat_ids: Sequence[int]) -> frozenset[int]:
    """Which of these seats are booked."""
    rows = await conn.fetch(sql("reservations/find_booked"), showtime_id, list(seat_ids))
    return frozenset(row["seat_id"] for row in rows)


async def find_reservation(conn: Connection, *, reservation_id: UUID, user_id: int) -> Reservation | None:
    """One of a user's own reservations."""
    row = await conn.fetchrow(sql("reservations/find_reservation"), reservation_id, user_id)
    return None if row is None else _reservation(row)


async def list_reservations(
    conn: Connection, *, user_id: int, before: datetime, before_id: UUID, status: str | None, row_limit: int
) -> Sequence[Reservation]:
    """A page of a user's reservations, newest first."""
    rows = await conn.fetch(sql("reservations/list_reservations"), user_id, before, before_id, status, row_limit)
    return [_reservation(row) for row in rows]


async def lock_reservation(conn: Connection, *, reservation_id: UUID, user_id: int) -> LockedReservation | None:
    """Lock a user's own reservation until the end of the transaction."""
    return await maybe(conn, LockedReservation, "reservations/lock_reservation", reservation_id, user_id)


async def claim_seats(conn: Connection, *, reservation_id: UUID, showtime_id: int) -> frozenset[int]:
    """Take the seats of a locked reservation; answers those that nobody else owned."""
    rows = await conn.fetch(sql("reservations/claim_seats"), reservation_id, showtime_id)
    return frozenset(row["seat_id"] for row in rows)


async def mark_confirmed(conn: Connection, *, reservation_id: UUID) -> bool:
    """Make a locked hold final; False when it has run out."""
    return await conn.fetchval(sql("reservations/mark_confirmed"), reservation_id) is not None


async def free_seats(conn: Connection, *, reservation_id: UUID, showtime_id: int, cutoff_s: int) -> int:
    """Give the seats of a locked, confirmed reservation back; 0 when the showtime is nearer than `cutoff_s`."""
    return len(await conn.fetch(sql("reservations/free_seats"), reservation_id, showtime_id, cutoff_s))


async def mark_cancelled(conn: Connection, *, reservation_id: UUID) -> None:
    """End a locked reservation."""
    await conn.execute(sql("reservations/mark_cancelled"), reservation_id)


def _reservation(row: asyncpg.Record) -> Reservation:
    columns = zip(row["seat_ids"], row["row_labels"], row["seat_numbers"], row["prices"], strict=True)
    return Reservation(
        id=row["id"],
        showtime_id=row["showtime_id"],
        status=row["status"],
        seats=tuple(ReservedSeat(*column) for column in columns),
        total_price=row["total_price"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
