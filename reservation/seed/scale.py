"""Generated data for load tests and DBAs: a million reservations by COPY in about a minute, all of them consistent.

A run adds its own rooms, showtimes and customers to the existing data, so it can be repeated. Rooms and customers are
split between several connections, which share no row and so never wait for each other's row locks. Every batch is a
transaction that leaves the database consistent, so an interrupted run leaves less data, and none that is wrong.
"""

import asyncio
import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import asyncpg

from ..db.command_connections import tool_connection
from ..db.pool import Connection
from ..db.pool_options import tool_limits
from ..db.repository import bulk, seed as repository
from ..errors import OperatorError
from ..identity.passwords import hash_password
from ..runtime.progress import progress
from .demo import films
from .random_reservations import Batch, room_batches

PASSWORD = "generated-customer-password"
CONNECTIONS = 4
SHOWTIMES_PER_ROOM = 300  # five a day, 30 days behind and 30 ahead
SLOT_MINUTES = 180
TRAILERS_MINUTES = 15
COPY_TRIES = 5
MAX_SEATS = 10_000  # auditoriums_capacity_check
MAX_COUNT = 100_000_000
USERS_A_STATEMENT = 20_000


class SeedError(OperatorError):
    """The data cannot be generated; the message says why."""


@dataclass(slots=True)
class Generated:
    """What a run was asked for, the rooms and customers that were made for it, and what was written.

    Every customer has the password PASSWORD; `email` is the login of the first.
    """

    database_url: str
    showtimes: int
    seats: int  # of a room
    users: int
    reservations: int
    random_seed: int
    server_settings: Mapping[str, str]
    rooms: Sequence[int] = ()
    user_ids: "array[int]" = field(default_factory=lambda: array("q"))
    confirmed: int = 0
    booked_seats: int = 0
    written: int = 0
    elapsed_s: float = 0

    @property
    def email(self) -> str:
        """The first customer's address; the others have a higher number."""
        return f"load-{self.rooms[0]}-1@example.com"

    def __str__(self) -> str:
        rooms, rate = len(self.rooms), self.written / self.elapsed_s if self.elapsed_s else 0
        return (
            f"{self.written:,} reservations ({self.confirmed:,} confirmed, {self.booked_seats:,} seats booked), "
            f"{self.showtimes:,} showtimes, {rooms:,} auditoriums with {rooms * self.seats:,} seats, "
            f"{self.users:,} users in {self.elapsed_s:.1f} s ({rate:,.0f} reservations/s).\n"
            f"Log in as {self.email} (the number goes up to {self.users}) with the password {PASSWORD}"
        )

    async def run(self, most_connections: int) -> None:
        """Generate it; raises SeedError."""
        started = time.monotonic()
        password_hash = hash_password(PASSWORD)
        async with tool_connection(self.database_url, self.server_settings) as conn:
            async with conn.transaction():
                await self._make_programme(conn)
                await self._make_users(conn, password_hash)
            with progress("reservations", self.reservations, plain_lines=True) as advance:
                await self._fill_rooms(min(most_connections, len(self.rooms), self.users), advance)
            await repository.analyze(conn)
            if self.written:
                await repository.analyze_reservations(conn)
        self.elapsed_s = time.monotonic() - started

    async def _make_programme(self, conn: Connection) -> None:
        longest = SLOT_MINUTES - TRAILERS_MINUTES
        found = await repository.find_films(conn, max_minutes=longest)
        if not found.movie_ids:
            await bulk.insert_movies(conn, movies=films())
            found = await repository.find_films(conn, max_minutes=longest)
        room_count = -(-self.showtimes // SHOWTIMES_PER_ROOM)
        self.rooms = await repository.generate_auditoriums(conn, room_count=room_count, seats=self.seats)
        await repository.generate_seats(conn, auditorium_ids=self.rooms, seats=self.seats)
        await repository.generate_showtimes(
            conn, auditorium_ids=self.rooms, movie_ids=found.movie_ids, showtimes=self.showtimes
        )

    async def _make_users(self, conn: Connection, password_hash: str) -> None:
        for first in range(1, self.users + 1, USERS_A_STATEMENT):
            self.user_ids.extend(
                await repository.generate_users(
                    conn,
                    tag=str(self.rooms[0]),  # no other run has this room
                    first_number=first,
                    user_count=min(USERS_A_STATEMENT, self.users + 1 - first),
                    password_hash=password_hash,
                )
            )

    async def _fill_rooms(self, connections: int, advance: Callable[[int], None]) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(connections):
                    tasks.create_task(self._fill(number, connections, advance))
        except* (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as group:
            raise SeedError(f"the load broke off: {group.exceptions[0]}") from group

    async def _fill(self, first: int, step: int, advance: Callable[[int], None]) -> None:
        """Fill every `step`-th room from the `first` on, for every `step`-th customer, on a connection of its own."""
        async with tool_connection(self.database_url, self.server_settings) as conn:
            for number in range(first, len(self.rooms), step):
                batches = await self._batches(conn, number, self.user_ids[first::step])
                batch = next(batches, None)
                while batch is not None:
                    # The next one is generated while PostgreSQL writes this one.
                    _, following = await asyncio.gather(_copy(conn, batch), asyncio.to_thread(next, batches, None))
                    self.written += len(batch.reservations)
                    self.confirmed += batch.confirmed
                    self.booked_seats += len(batch.booked_seats)
                    advance(len(batch.reservations))
                    batch = following

    async def _batches(self, conn: Connection, number: int, user_ids: Sequence[int]) -> Iterator[Batch]:
        """The reservations of one room."""
        room = self.rooms[number]
        shows = await repository.list_room_showtimes(conn, auditorium_id=room)
        # Reservations are split evenly: showtime k of all gets those from k/all to (k+1)/all of them. Rooms get their
        # showtimes in turns (seed/generate_showtimes), so this many belong to the rooms before this one:
        before = number * (self.showtimes // len(self.rooms)) + min(number, self.showtimes % len(self.rooms))
        cuts = [(before + k) * self.reservations // self.showtimes for k in range(len(shows) + 1)]
        return room_batches(
            shows=shows,
            parties=[high - low for low, high in pairwise(cuts)],
            seats=await repository.list_room_seats(conn, auditorium_id=room),
            user_ids=user_ids,
            random_seed=f"{self.random_seed}:{room}",
        )


async def _copy(conn: Connection, batch: Batch) -> None:
    """Copy a batch; one in which a code is taken is copied again with other codes."""
    for tries_left in reversed(range(COPY_TRIES)):
        try:
            async with conn.transaction():
                await repository.copy_reservations(
                    conn, reservations=batch.reservations, booked_seats=batch.booked_seats
                )
            return
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "reservations_code_key" or not tries_left:
                raise


def scale(
    database_url: str,
    *,
    showtimes: int,
    seats: int,
    users: int,
    reservations: int,
    random_seed: int = 1,
    most_connections: int = CONNECTIONS,
    server_settings: Mapping[str, str] | None = None,
) -> Generated:
    """Add generated data: `showtimes` in rooms of `seats` seats, `users`, and `reservations` by them.

    The same seed on an equal database on the same day makes the same reservations, but for the millisecond; with one
    connection also in the same order. Shows its progress on stderr. Raises SeedError, before anything is written, for
    numbers that do not fit together.
    """
    for name, value, low, high in (
        ("showtimes", showtimes, 1, MAX_COUNT),
        ("seats", seats, 1, MAX_SEATS),
        ("users", users, 1, MAX_COUNT),
        ("reservations", reservations, 0, MAX_COUNT),
    ):
        if not low <= value <= high:
            raise SeedError(f"{name} must be between {low:,} and {high:,}, not {value:,}")
    if reservations > showtimes * seats:
        raise SeedError(
            f"{reservations:,} reservations need at least as many seats, but {showtimes:,} showtimes of {seats:,} seats"
            f" offer {showtimes * seats:,}: ask for more showtimes or seats, or fewer reservations"
        )
    session = {**tool_limits("seed"), **(server_settings or {})}
    generated = Generated(database_url, showtimes, seats, users, reservations, random_seed, session)
    asyncio.run(generated.run(most_connections))
    return generated
