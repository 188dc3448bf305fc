"""Statements of sql/seed: the demo, and generated data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .cinemas import CinemaInput
from .reservation_codes import random_codes
from .rows import arrays, every, one

# The rows of COPY, in the order of the columns below, without the code.
Times: TypeAlias = tuple[datetime, datetime, datetime | None, datetime | None]
Seats: TypeAlias = tuple[list[int], list[str], list[int], list[Decimal]]
ReservationRow: TypeAlias = tuple[UUID, int, int, str, Decimal, *Times, *Seats]
BookedSeatRow: TypeAlias = tuple[int, int, UUID]

_RESERVATION_COLUMNS = (
    *("id", "user_id", "showtime_id", "status", "total_price"),
    *("created_at", "expires_at", "confirmed_at", "cancelled_at"),
    *("seat_ids", "row_labels", "seat_numbers", "prices", "code"),
)


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to add; the password is hashed already."""

    name: str
    email: str
    password_hash: str
    role: str


@dataclass(frozen=True, slots=True)
class NewSeat:
    """A seat of a room to add; the modifier is a factor on the base price, x and y are its position."""

    row_label: str
    seat_number: int
    seat_type: str
    price_modifier: Decimal
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Films:
    """How many films there are, and those that fit into a slot."""

    total: int
    movie_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class RoomShowtime:
    """A showtime to fill; `latest` is the last moment at which a reservation of it can have been made."""

    id: int
    base_price: Decimal
    latest: datetime


@dataclass(frozen=True, slots=True)
class RoomSeat:
    """A seat to sell."""

    id: int
    row_label: str
    seat_number: int
    price_modifier: Decimal


async def lock_demo(conn: Connection, *, lock_key: int) -> None:
    """Wait for other seeders of this database to commit."""
    await conn.execute(sql("seed/lock_demo"), lock_key)


async def demo_exists(conn: Connection, *, email: str) -> bool:
    """Whether the demo's customer has an account."""
    return bool(await conn.fetchval(sql("seed/demo_exists"), email))


async def insert_users(conn: Connection, *, users: Sequence[NewUser]) -> None:
    """Add accounts; those whose address is taken are left out."""
    await conn.execute(sql("seed/insert_users"), *arrays(users, "name", "email", "password_hash", "role"))


async def insert_cinema(conn: Connection, *, cinema: CinemaInput) -> int:
    """Add a cinema of the demo, or make it of the one that every installation begins with; its id."""
    cinema_id: int = await conn.fetchval(sql("seed/insert_cinema"), cinema.name, cinema.address, cinema.timezone)
    return cinema_id


async def insert_auditorium(
    conn: Connection, *, cinema_id: int, name: str, extra_metadata: str, focal_row: str, seats: Sequence[NewSeat]
) -> None:
    """Add a room just large enough for its seats; the metadata is the JSON text of an object."""
    columns = arrays(seats, "row_label", "seat_number", "seat_type", "price_modifier", "x", "y")
    await conn.execute(sql("seed/insert_auditorium"), name, extra_metadata, *columns, focal_row, cinema_id)


async def top_up_programme(conn: Connection, *, days: int, film_limit: int) -> None:
    """Add showtimes on the days that have none in the demo's rooms."""
    await conn.execute(sql("seed/top_up_programme"), days, film_limit)


async def delay_sale(conn: Connection) -> None:
    """Let the sale of the demo's last showtime begin tomorrow."""
    await conn.execute(sql("seed/delay_sale"))


async def block_last_row(conn: Connection, *, reason: str) -> None:
    """Block the last row of the demo's first showtime of tomorrow."""
    await conn.execute(sql("seed/block_last_row"), reason)


async def find_films(conn: Connection, *, max_minutes: int) -> Films:
    """The films of at most this running time."""
    return await one(conn, Films, "seed/find_films", max_minutes)


async def generate_auditoriums(conn: Connection, *, room_count: int, seats: int) -> Sequence[int]:
    """Add rooms of equal size, without seats; gives their ids."""
    rows = await conn.fetch(sql("seed/generate_auditoriums"), room_count, seats)
    return sorted(row["id"] for row in rows)


async def generate_seats(conn: Connection, *, auditorium_ids: Sequence[int], seats: int) -> None:
    """Add the seats of generated rooms."""
    await conn.execute(sql("seed/generate_seats"), auditorium_ids, seats)


async def generate_showtimes(
    conn: Connection, *, auditorium_ids: Sequence[int], movie_ids: Sequence[int], showtimes: int
) -> None:
    """Add showtimes to generated rooms, before and after today."""
    await conn.execute(sql("seed/generate_showtimes"), auditorium_ids, movie_ids, showtimes)


async def generate_users(
    conn: Connection, *, tag: str, first_number: int, user_count: int, password_hash: str
) -> Sequence[int]:
    """Add customers who share a password; gives their ids."""
    rows = await conn.fetch(sql("seed/generate_users"), tag, first_number, user_count, password_hash)
    return sorted(row["id"] for row in rows)


async def generate_events(conn: Connection, *, row_limit: int) -> None:
    """Add an event and a mail for each of the newest reservations."""
    await conn.execute(sql("seed/generate_events"), row_limit)


async def generate_payments(conn: Connection, *, row_limit: int) -> None:
    """Add a payment and tickets for each of the newest sales, and some refunds."""
    await conn.execute(sql("seed/generate_payments"), row_limit)


async def list_room_showtimes(conn: Connection, *, auditorium_id: int) -> Sequence[RoomShowtime]:
    """The showtimes of a room, by their start."""
    return await every(conn, RoomShowtime, "seed/list_room_showtimes", auditorium_id)


async def list_room_seats(conn: Connection, *, auditorium_id: int) -> Sequence[RoomSeat]:
    """The seats of a room, in the order of the map."""
    return await every(conn, RoomSeat, "seed/list_room_seats", auditorium_id)


async def copy_reservations(
    conn: Connection,
    *,
    reservations: Sequence[ReservationRow],
    booked_seats: Iterable[BookedSeatRow],
) -> None:
    """COPY whole reservations in binary format, with new codes; asyncpg writes the statement, so it has no file.

    Raises asyncpg.UniqueViolationError if a code is taken.
    """
    coded = [(*row, code) for row, code in zip(reservations, random_codes(len(reservations)), strict=True)]
    await conn.copy_records_to_table("reservations", columns=_RESERVATION_COLUMNS, records=coded)
    await conn.copy_records_to_table(
        "booked_seats", columns=("showtime_id", "seat_id", "reservation_id"), records=booked_seats
    )


async def analyze(conn: Connection) -> None:
    """Refresh the planner's statistics of all the tables."""
    await conn.execute(sql("seed/analyze"))


async def analyze_reservations(conn: Connection) -> None:
    """Refresh the planner's statistics of the reservations; only when there are some."""
    await conn.execute(sql("seed/analyze_reservations"))


async def vacuum(conn: Connection) -> None:
    """Reindex, vacuum and analyze every table there is; outside of a transaction."""
    await conn.execute(sql("seed/reindex"))
    await conn.execute(sql("seed/vacuum"))
