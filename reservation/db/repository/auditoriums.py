"""Auditoriums and their seats."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from ...errors import Json
from ..pool import Connection
from ..statements import sql
from .rows import delete_unused, every, maybe, one


@dataclass(frozen=True, slots=True)
class Auditorium:
    """A room that films are shown in."""

    id: int
    name: str
    capacity: int
    extra_metadata: dict[str, Json]
    focal_row: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AuditoriumInput:
    """Everything that an administrator says about a room."""

    name: str
    capacity: int
    extra_metadata: dict[str, Json] = field(default_factory=dict)
    focal_row: str | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat of a room."""

    id: int
    auditorium_id: int
    row_label: str
    seat_number: int
    seat_type: str
    price_modifier: Decimal


@dataclass(frozen=True, slots=True)
class SeatCount:
    """How many seats a room has, and the label of the last row; None without any."""

    seats: int
    last_row_label: str | None


async def insert_auditorium(conn: Connection, *, auditorium: AuditoriumInput) -> Auditorium:
    """Add a room, without seats yet."""
    return await one(
        conn,
        Auditorium,
        "auditoriums/insert_auditorium",
        auditorium.name,
        auditorium.capacity,
        auditorium.extra_metadata,
        auditorium.focal_row,
    )


async def update_auditorium(conn: Connection, *, auditorium_id: int, auditorium: AuditoriumInput) -> Auditorium:
    """Replace everything about a room but its seats; the caller has locked it."""
    return await one(
        conn,
        Auditorium,
        "auditoriums/update_auditorium",
        auditorium_id,
        auditorium.name,
        auditorium.capacity,
        auditorium.extra_metadata,
        auditorium.focal_row,
    )


async def find_auditorium(conn: Connection, *, auditorium_id: int) -> Auditorium | None:
    """One room."""
    return await maybe(conn, Auditorium, "auditoriums/find_auditorium", auditorium_id)


async def list_auditoriums(conn: Connection, *, after: int, row_limit: int) -> Sequence[Auditorium]:
    """A page of rooms by id."""
    return await every(conn, Auditorium, "auditoriums/list_auditoriums", after, row_limit)


async def lock_auditorium(conn: Connection, *, auditorium_id: int) -> int | None:
    """Lock a room against other writers of its seats and programme; its capacity, or None when there is none."""
    capacity: int | None = await conn.fetchval(sql("auditoriums/lock_auditorium"), auditorium_id)
    return capacity


async def touch_auditorium(conn: Connection, *, auditorium_id: int) -> None:
    """Mark a room as changed, and lock it: its seats are about to change."""
    await conn.execute(sql("auditoriums/touch_auditorium"), auditorium_id)


async def delete_auditorium(conn: Connection, *, auditorium_id: int) -> None:
    """Remove a room that the caller has locked, and its seats; raises InUse when it has showtimes."""
    await delete_unused(conn, "auditoriums/delete_auditorium", auditorium_id)


async def lock_auditoriums(conn: Connection, *, auditorium_ids: Sequence[int]) -> set[int]:
    """Lock rooms against other writers of their seats and programme; the ids of those that there are."""
    return {row["id"] for row in await conn.fetch(sql("auditoriums/lock_auditoriums"), auditorium_ids)}


async def count_seats(conn: Connection, *, auditorium_id: int) -> SeatCount:
    """How many seats a room has and where they end; the caller has locked it."""
    return await one(conn, SeatCount, "seats/count_seats", auditorium_id)


async def insert_seats(
    conn: Connection,
    *,
    auditorium_id: int,
    row_labels: Sequence[str],
    seats_per_row: int,
    seat_type: str,
    price_modifier: Decimal,
) -> Sequence[Seat]:
    """Add whole rows of seats to a room that the caller has locked; answers them in the order of the map."""
    return await every(
        conn, Seat, "seats/insert_seats", auditorium_id, row_labels, seats_per_row, seat_type, price_modifier
    )


async def list_seats(
    conn: Connection, *, auditorium_id: int, after_row: str, after_number: int, row_limit: int
) -> Sequence[Seat]:
    """A page of a room's seats in the order of the map."""
    return await every(conn, Seat, "seats/list_seats", auditorium_id, after_row, after_number, row_limit)


async def find_seat(conn: Connection, *, seat_id: int) -> Seat | None:
    """One seat."""
    return await maybe(conn, Seat, "seats/find_seat", seat_id)


async def delete_seat(conn: Connection, *, seat_id: int) -> None:
    """Remove a seat of a room that the caller has locked; raises InUse when it was ever reserved."""
    await delete_unused(conn, "seats/delete_seat", seat_id)
