"""Generated load for load testers and DBAs: a million reservations by COPY in about a minute, every one consistent.

A run adds its own rooms, showtimes and customers to whatever is there, so it can be repeated. Rooms and customers are
dealt out to lanes, one connection each, that share no row and so never wait for each other's row locks. Every batch is
a transaction that leaves the database consistent, so an interrupted run leaves less data, and none that is wrong.

Foreign key checks would be half of the work. Where the role may, the run takes their row locks once, on everything its
reservations refer to, and the lanes load without checks; elsewhere it takes twice as long.
"""

import asyncio
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import asyncpg

from ..db.pool_options import tool_limits
from ..db.repository import seed as repository
from ..db.repository.seed import Connection
from ..identity.passwords import hash_password
from ..runtime.progress import progress
from .demo import films
from .random_reservations import Batch, room_batches

PASSWORD = "generated-customer-password"
LANES = 4
SHOWTIMES_PER_ROOM = 300  # five a day, 30 days behind and 30 ahead
SLOT_MINUTES = 180
TRAILERS_MINUTES = 15
MAX_SEATS = 10_000  # auditoriums_capacity_check
MAX_COUNT = 100_000_000
USERS_A_STATEMENT = 20_000


class SeedError(Exception):
    """What was asked for cannot be generated; the message says why, and nothing has been written."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run added, and a login to use it with: any `email`, all with the one `password`."""

    auditoriums: int
    seats: int
    showtimes: int
    users: int
    reservations: int
    confirmed: int
    booked_seats: int
    email: str
    password: str
    elapsed_s: float

    def __str__(self) -> str:
        rate = self.reservations / self.elapsed_s if self.elapsed_s else 0
        return (
            f"{self.reservations:,} reservations ({self.confirmed:,} confirmed, {self.booked_seats:,} seats booked), "
            f"{self.showtimes:,} showtimes, {self.auditoriums:,} auditoriums with {self.seats:,} seats, "
            f"{self.users:,} users in {self.elapsed_s:.1f} s ({rate:,.0f} reservations/s).\n"
            f"Log in as {self.email} (the number goes up to {self.users}) with the password {self.password}"
        )


@dataclass(frozen=True, slots=True)
class _Stage:
    """What stands before the first reservation: the run's tag, its rooms and its customers' ids."""

    tag: str
    auditorium_ids: Sequence[int]
    user_ids: Sequence[int]


@dataclass(slots=True)
class _Written:
    reservations: int = 0
    confirmed: int = 0
    booked_seats: int = 0

    def add(self, batch: Batch) -> None:
        self.reservations += len(batch.reservations)
        self.confirmed += batch.confirmed
        self.booked_seats += len(batch.booked_seats)


def scale(
    database_url: str,
    *,
    showtimes: int,
    seats: int,
    users: int,
    reservations: int,
    random_seed: int = 1,
    most_lanes: int = LANES,
) -> Summary:
    """Add generated load: `showtimes` in rooms of `seats` seats, `users`, and `reservations` by them.

    The same seed on an equal database on the same day makes the same reservations, but for the millisecond; with one
    lane also in the same order. Shows its progress on stderr. Raises SeedError, before anything is written, for numbers
    that do not fit together.
    """
    _check(showtimes=showtimes, seats=seats, users=users, reservations=reservations)
    return asyncio.run(
        _scale(
            database_url,
            showtimes=showtimes,
            seats=seats,
            users=users,
            reservations=reservations,
            random_seed=random_seed,
            most_lanes=most_lanes,
        )
    )


def _check(*, showtimes: int, seats: int, users: int, reservations: int) -> None:
    bounds = {
        "showtimes": (showtimes, 1, MAX_COUNT),
        "seats": (seats, 1, MAX_SEATS),
        "users": (users, 1, MAX_COUNT),
        "reservations": (reservations, 0, MAX_COUNT),
    }
    for name, (value, low, high) in bounds.items():
        if not low <= value <= high:
            raise SeedError(f"{name} must be between {low:,} and {high:,}, not {value:,}")
    if reservations > showtimes * seats:
        raise SeedError(
            f"{reservations:,} reservations need at least as many seats, but {showtimes:,} showtimes of {seats:,} seats"
            f" offer {showtimes * seats:,}: ask for more showtimes or seats, or fewer reservations"
        )


async def _scale(
    database_url: str,
    *,
    showtimes: int,
    seats: int,
    users: int,
    reservations: int,
    random_seed: int,
    most_lanes: int,
) -> Summary:
    started = time.monotonic()
    password_hash = hash_password(PASSWORD)
    conn: Connection = await asyncpg.connect(database_url, server_settings=tool_limits("seed"))
    try:
        async with conn.transaction():
            stage = await _set_stage(conn, showtimes, seats, users, password_hash)
        written = _Written()
        with progress("reservations", reservations) as advance:
            lanes = min(most_lanes, len(stage.auditorium_ids), users)
            try:
                async with asyncio.TaskGroup() as tasks:
                    for lane in range(lanes):
                        share = _Lane(database_url, stage, lane, lanes, showtimes, reservations, random_seed)
                        tasks.create_task(_fill(share, written, advance))
            except* (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as group:
                raise SeedError(f"the load broke off: {group.exceptions[0]}") from group
        await repository.analyze(conn)
        if written.reservations:
            await repository.analyze_reservations(conn)
    finally:
        await conn.close()
    return Summary(
        auditoriums=len(stage.auditorium_ids),
        seats=len(stage.auditorium_ids) * seats,
        showtimes=showtimes,
        users=users,
        reservations=written.reservations,
        confirmed=written.confirmed,
        booked_seats=written.booked_seats,
        email=f"load-{stage.tag}-1@example.com",
        password=PASSWORD,
        elapsed_s=time.monotonic() - started,
    )


async def _set_stage(conn: Connection, showtimes: int, seats: int, users: int, password_hash: str) -> _Stage:
    longest = SLOT_MINUTES - TRAILERS_MINUTES
    found = await repository.find_films(conn, max_minutes=longest)
    if not found.movie_ids:
        await repository.insert_movies(conn, movies=films())
        found = await repository.find_films(conn, max_minutes=longest)
    rooms = await repository.generate_auditoriums(conn, room_count=-(-showtimes // SHOWTIMES_PER_ROOM), seats=seats)
    await repository.generate_seats(conn, auditorium_ids=rooms, seats=seats)
    await repository.generate_showtimes(conn, auditorium_ids=rooms, movie_ids=found.movie_ids, showtimes=showtimes)
    tag = str(rooms[0])  # no other run has this room
    user_ids = array("q")
    for first in range(1, users + 1, USERS_A_STATEMENT):
        user_ids.extend(
            await repository.generate_users(
                conn,
                tag=tag,
                first_number=first,
                user_count=min(USERS_A_STATEMENT, users + 1 - first),
                password_hash=password_hash,
            )
        )
    return _Stage(tag, rooms, user_ids)


@dataclass(frozen=True, slots=True)
class _Lane:
    """One connection's share: every `lanes`-th room and customer, starting from the `lane`-th."""

    database_url: str
    stage: _Stage
    lane: int
    lanes: int
    showtimes: int
    reservations: int
    random_seed: int


async def _fill(lane: _Lane, written: _Written, advance: Callable[[int], None]) -> None:
    rooms = lane.stage.auditorium_ids
    user_ids = lane.stage.user_ids[lane.lane :: lane.lanes]
    conn: Connection = await asyncpg.connect(lane.database_url, server_settings=tool_limits("seed"))
    try:
        for number in range(lane.lane, len(rooms), lane.lanes):
            shows = await repository.list_room_showtimes(conn, auditorium_id=rooms[number])
            # Reservations are dealt out evenly: show k of all takes those from k/all to (k+1)/all of them.
            before = _shows_before(number, lane.showtimes, len(rooms))
            cuts = [(before + k) * lane.reservations // lane.showtimes for k in range(len(shows) + 1)]
            batches = room_batches(
                shows=shows,
                parties=[high - low for low, high in pairwise(cuts)],
                seats=await repository.list_room_seats(conn, auditorium_id=rooms[number]),
                user_ids=user_ids,
                random_seed=f"{lane.random_seed}:{rooms[number]}",
            )
            for batch in batches:
                async with conn.transaction():
                    await repository.copy_reservations(
                        conn,
                        reservations=batch.reservations,
                        reservation_seats=batch.reservation_seats,
                        booked_seats=batch.booked_seats,
                    )
                written.add(batch)
                advance(len(batch.reservations))
    finally:
        await conn.close()


def _shows_before(room: int, showtimes: int, rooms: int) -> int:
    """How many showtimes the rooms before this one have; generate_showtimes deals them out in turns."""
    return room * (showtimes // rooms) + min(room, showtimes % rooms)
