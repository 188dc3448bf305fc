"""Auditoriums and their seats."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime
from decimal import Decimal

from ...errors import Json
from ..pool import Connection
from ..statements import sql
from .rows import arrays, delete_unused, every, maybe, one


@dataclass(frozen=True, slots=True)
class Auditorium:
    """A room."""

    id: int
    cinema_id: int
    name: str
    capacity: int
    extra_metadata: dict[str, Json]
    focal_row: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AuditoriumInput:
    """The columns of a room that an administrator sets, in the order of the statements' parameters."""

    name: str
    capacity: int
    extra_metadata: dict[str, Json] = field(default_factory=dict)
    focal_row: str | None = None
    cinema_id: int | None = None  # None: the only one


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat of a room."""

    id: int
    auditorium_id: int
    row_label: str
    seat_number: int
    seat_type: str
    price_modifier: Decimal
    x: int | None
    y: int | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SeatInput:
    """The columns of a seat that an administrator sets, in the order of the statements' parameters."""

    row_label: str
    seat_number: int
    seat_type: str = "regular"
    price_modifier: Decimal = Decimal("1.00")
    x: int | None = None
    y: int | None = None

    @property
    def label(self) -> tuple[str, int]:
        """What tells it from the other seats of its room."""
        return self.row_label, self.seat_number


@dataclass(frozen=True, slots=True)
class SeatInUse:
    """A seat that is booked, or in a live hold."""

    id: int
    row_label: str
    seat_number: int


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """The seats of a room in map order, as columns; they are empty if the caller knows this version."""

    auditorium_id: int
    plan_version: int
    seat_ids: Sequence[int]
    row_labels: Sequence[str]
    seat_numbers: Sequence[int]
    seat_types: Sequence[str]
    price_modifiers: Sequence[str]
    xs: Sequence[int | None]
    ys: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class SeatCount:
    """The number of seats of a room, and the label of its last row, None without seats."""

    seats: int
    last_row_label: str | None


async def insert_auditorium(conn: Connection, *, auditorium: AuditoriumInput) -> Auditorium:
    """Insert a room, without seats; raises Invalid."""
    return await one(conn, Auditorium, "auditoriums/insert_auditorium", *astuple(auditorium))


async def update_auditorium(conn: Connection, *, auditorium_id: int, auditorium: AuditoriumInput) -> Auditorium:
    """Replace a room that the caller has locked, but not its seats; raises Invalid."""
    return await one(conn, Auditorium, "auditoriums/update_auditorium", auditorium_id, *astuple(auditorium))


async def find_auditorium(conn: Connection, *, auditorium_id: int) -> Auditorium | None:
    """One room."""
    return await maybe(conn, Auditorium, "auditoriums/find_auditorium", auditorium_id)


async def list_auditoriums(conn: Connection, *, after: int, row_limit: int) -> Sequence[Auditorium]:
    """A page of rooms by id."""
    return await every(conn, Auditorium, "auditoriums/list_auditoriums", after, row_limit)


async def touch_auditorium(conn: Connection, *, auditorium_id: int) -> None:
    """Raise a room's updated_at, and lock it, before its seats change."""
    await conn.execute(sql("auditoriums/touch_auditorium"), auditorium_id)


async def delete_auditorium(conn: Connection, *, auditorium_id: int) -> None:
    """Delete a room that the caller has locked, and its seats; raises InUse if it has showtimes."""
    await delete_unused(conn, "auditoriums/delete_auditorium", auditorium_id)


async def lock_auditoriums(conn: Connection, *, auditorium_ids: Sequence[int]) -> set[int]:
    """Lock rooms against other writers of their seats and showtimes; the ids of those that exist."""
    return {row["id"] for row in await conn.fetch(sql("auditoriums/lock_auditoriums"), auditorium_ids)}


async def count_seats(conn: Connection, *, auditorium_id: int) -> SeatCount:
    """The number of seats and the last row of a room that the caller has locked."""
    return await one(conn, SeatCount, "seats/count_seats", auditorium_id)


async def insert_seats(
    conn: Connection,
    *,
    auditorium_id: int,
    row_labels: Sequence[str],
    seats_per_row: int,
    seat_type: str,
    price_modifier: Decimal,
    aisles_after: Sequence[int] | None,
    first_y: int | None,
) -> Sequence[Seat]:
    """Insert rows of seats into a room that the caller has locked; the seats in map order.

    They have positions if `aisles_after` and `first_y` are given. Raises PlaceTaken.
    """
    look = (seat_type, price_modifier, aisles_after, first_y)
    return await every(conn, Seat, "seats/insert_seats", auditorium_id, row_labels, seats_per_row, *look)


async def list_seats(
    conn: Connection, *, auditorium_id: int, after_row: str, after_number: int, row_limit: int
) -> Sequence[Seat]:
    """A page of a room's seats in map order."""
    return await every(conn, Seat, "seats/list_seats", auditorium_id, after_row, after_number, row_limit)


async def plans(conn: Connection, *, known_versions: Mapping[int, int]) -> Sequence[RoomPlan]:
    """The plans of rooms, by room the version that the caller knows (0: none); nothing for an unknown room."""
    return await every(conn, RoomPlan, "auditoriums/plans", [*known_versions], [*known_versions.values()])


async def find_seat(conn: Connection, *, seat_id: int) -> Seat | None:
    """One seat."""
    return await maybe(conn, Seat, "seats/find_seat", seat_id)


async def delete_seats(conn: Connection, *, seat_ids: Sequence[int]) -> bool:
    """Delete seats of a room that the caller has locked; False, without a change, if the room has showtimes."""
    return bool(await conn.fetch(sql("seats/delete_seats"), seat_ids))


async def lock_open_showtimes(conn: Connection, *, auditorium_id: int) -> Sequence[int]:
    """Lock the showtimes that are not over of a room that the caller has locked; their ids."""
    return [row["id"] for row in await conn.fetch(sql("seats/lock_open_showtimes"), auditorium_id)]


async def find_in_use(conn: Connection, *, seat_ids: Sequence[int], showtime_ids: Sequence[int]) -> Sequence[SeatInUse]:
    """The seats that are booked or in a live hold for one of the showtimes, which the caller has locked."""
    return await every(conn, SeatInUse, "seats/find_in_use", seat_ids, showtime_ids)


async def retire_seats(conn: Connection, *, seat_ids: Sequence[int]) -> None:
    """Retire seats that are not in use."""
    await conn.execute(sql("seats/retire_seats"), seat_ids)


async def update_seat(conn: Connection, *, seat_id: int, seat: SeatInput) -> Seat:
    """Replace a seat, whose room the caller has locked; raises PlaceTaken."""
    return await one(conn, Seat, "seats/update_seat", seat_id, *astuple(seat))


async def find_left_out(conn: Connection, *, auditorium_id: int, seats: Sequence[SeatInput]) -> Sequence[int]:
    """The ids of the seats of a room, which the caller has locked, that are not in a new plan."""
    labels = arrays(seats, "row_label", "seat_number")
    return [row["id"] for row in await conn.fetch(sql("seats/find_left_out"), auditorium_id, *labels)]


async def write_plan(conn: Connection, *, auditorium_id: int, seats: Sequence[SeatInput]) -> None:
    """Insert and change seats of a room that the caller has locked, so that it has these."""
    columns = arrays(seats, "row_label", "seat_number", "seat_type", "price_modifier", "x", "y")
    await conn.execute(sql("seats/write_plan"), auditorium_id, *columns)
