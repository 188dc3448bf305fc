"""The demo data: real films, two cinemas, three rooms, ticket types, two logins, and showtimes for two weeks.

One showtime goes on sale tomorrow, and one has a blocked row.
"""

import asyncio
import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from ..db.command_connections import tool_connection
from ..db.pool import Connection
from ..db.pool_options import tool_limits
from ..db.repository import bulk, seed as repository, ticket_types
from ..db.repository.cinemas import CinemaInput
from ..db.repository.movies import MovieInput
from ..db.repository.seed import NewSeat, NewUser
from ..db.repository.ticket_types import TicketTypeInput
from ..identity.passwords import hash_password

ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "demo-admin-password"
CUSTOMER_EMAIL = "customer@example.com"
CUSTOMER_PASSWORD = "demo-customer-password"

DAYS_AHEAD = 14
FILMS_ON = 48  # of some 500: enough for several pages, few enough that each is shown on several days
LOCK_KEY = 0x64656D6F  # "demo"
WHEELCHAIR = Decimal("0.80")
HOUSE_SEATS = "House seats: guests of the cinema"
REGULAR = Decimal("1.00")
PREMIUM = Decimal("1.50")


@dataclass(frozen=True, slots=True)
class Room:
    """A room's layout: rows of equal length from A on, some of them premium, with the same aisles in each.

    Row A has the wheelchair places, with companion seats beside them. An aisle is after each of `aisles_after`.
    """

    name: str
    rows: str
    seats_per_row: int
    premium_rows: str
    focal_row: str
    wheelchair_numbers: frozenset[int]
    companion_numbers: frozenset[int]
    aisles_after: frozenset[int]
    screen: str
    sound: str


ROOMS = (
    Room(
        *("Grand Hall", "ABCDEFGHIJ", 20, "FGH", "G"),
        wheelchair_numbers=frozenset({1, 4, 17, 20}),
        companion_numbers=frozenset({2, 3, 18, 19}),
        aisles_after=frozenset({4, 16}),
        screen="18 m x 7.5 m",
        sound="7.1 surround",
    ),
    Room(
        *("Garden Room", "ABCDEFGH", 15, "EF", "E"),
        wheelchair_numbers=frozenset({1, 15}),
        companion_numbers=frozenset({2, 14}),
        aisles_after=frozenset({4, 11}),
        screen="11 m x 4.6 m",
        sound="5.1 surround",
    ),
    Room(
        *("Studio", "ABCDEF", 10, "E", "D"),
        wheelchair_numbers=frozenset({1, 10}),
        companion_numbers=frozenset({2, 9}),
        aisles_after=frozenset({2, 8}),
        screen="7 m x 3 m",
        sound="stereo",
    ),
)

# Each with the names of its rooms, and what their metadata also says: the best format, and the customers' language.
CINEMAS = (
    (
        CinemaInput("Riverside", "America/New_York", "12 River Street, Hudson, NY"),
        ("Grand Hall", "Garden Room"),
        {"format": "3D", "language": "en"},
    ),
    (
        CinemaInput("Lichtburg", "Europe/Berlin", "Lindenstraße 7, Potsdam"),
        ("Studio",),
        {"format": "2D", "language": "de"},
    ),
)
# What the descriptions of the films begin and end with.
DIRECTOR, RATING = re.compile(r"Directed by ([^(]+) \("), re.compile(r" Rated (\S+)\.$")
# Beside the standard one, in the order in which lists show them.
TICKET_TYPES = (
    TicketTypeInput("child", Decimal("0.60"), None, 1, True),
    TicketTypeInput("student", Decimal("0.80"), None, 2, True),
    TicketTypeInput("senior", Decimal("0.80"), None, 3, True),
    TicketTypeInput("family card", None, Decimal("7.50"), 4, True),
    TicketTypeInput("press", Decimal("0.00"), None, 5, False),
)


def seed(database_url: str, *, with_admin: bool) -> bool:
    """Fill a migrated database with the demo, or add the showtimes that its programme lacks.

    True if the demo was missing, False if only showtimes were added. Several instances may do so at once. The
    administrator's password is public, so `with_admin` is only for databases that no other machine can reach.
    """
    return asyncio.run(_seed(database_url, with_admin))


def films() -> Sequence[MovieInput]:
    """The films of data/movies.csv, the best known first."""
    with (Path(__file__).parent / "data" / "movies.csv").open(encoding="utf-8", newline="") as file:
        return [_film(row) for row in csv.DictReader(file)]


def _film(row: Mapping[str, str]) -> MovieInput:
    director, rating = DIRECTOR.match(row["description"]), RATING.search(row["description"])
    return MovieInput(
        title=row["title"],
        description=row["description"],
        duration_minutes=int(row["duration_minutes"]),
        genres=[row["genre"]] if row["genre"] else [],
        poster_url=row["poster_url"] or None,
        director=director and director[1],
        age_rating=rating and rating[1],
    )


async def _seed(database_url: str, with_admin: bool) -> bool:
    async with tool_connection(database_url, tool_limits("demo")) as conn:
        # Argon2 is slow: hash before the transaction, and only if the accounts are missing.
        users = [] if await repository.demo_exists(conn, email=CUSTOMER_EMAIL) else _users(with_admin)
        async with conn.transaction():
            await repository.lock_demo(conn, lock_key=LOCK_KEY)
            fresh = bool(users) and not await repository.demo_exists(conn, email=CUSTOMER_EMAIL)
            if fresh:
                await _fill(conn, users)
            await repository.top_up_programme(conn, days=DAYS_AHEAD, film_limit=FILMS_ON)
            if fresh:
                await repository.delay_sale(conn)
                await repository.block_last_row(conn, reason=HOUSE_SEATS)
        return fresh


async def _fill(conn: Connection, users: Sequence[NewUser]) -> None:
    await repository.insert_users(conn, users=users)
    await bulk.insert_movies(conn, movies=films())
    for ticket_type in TICKET_TYPES:
        await ticket_types.insert_ticket_type(conn, ticket_type=ticket_type)
    for cinema, names, metadata in CINEMAS:
        cinema_id = await repository.insert_cinema(conn, cinema=cinema)
        for room in ROOMS:
            if room.name in names:
                await _add_room(conn, room, cinema_id, metadata)


async def _add_room(conn: Connection, room: Room, cinema_id: int, metadata: Mapping[str, str]) -> None:
    await repository.insert_auditorium(
        conn,
        cinema_id=cinema_id,
        name=room.name,
        extra_metadata=json.dumps({"screen": room.screen, "sound": room.sound, "demo": True, **metadata}),
        focal_row=room.focal_row,
        seats=list(_seats(room)),
    )


def _users(with_admin: bool) -> Sequence[NewUser]:
    customer = NewUser("Demo Customer", CUSTOMER_EMAIL, hash_password(CUSTOMER_PASSWORD), "user")
    if not with_admin:
        return [customer]
    return [NewUser("Demo Admin", ADMIN_EMAIL, hash_password(ADMIN_PASSWORD), "admin"), customer]


def _seats(room: Room) -> Iterator[NewSeat]:
    for y, row in enumerate(room.rows, start=1):
        for number in range(1, room.seats_per_row + 1):
            x = number + sum(after < number for after in room.aisles_after)
            yield NewSeat(row, number, *_type_and_price(room, row, number), x, y)


def _type_and_price(room: Room, row: str, number: int) -> tuple[str, Decimal]:
    if row == room.rows[0] and number in room.wheelchair_numbers:
        return "wheelchair", WHEELCHAIR
    if row == room.rows[0] and number in room.companion_numbers:
        return "companion", REGULAR
    return ("premium", PREMIUM) if row in room.premium_rows else ("regular", REGULAR)
