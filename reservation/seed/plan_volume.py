"""The volume that stored plans are made on: generated load, and beside it what the samples of statements look for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from ..db.pool import Connection
from ..db.pool_options import tool_limits
from ..db.repository import (
    accounts,
    api_keys,
    archive,
    auditoriums,
    reservations as booking,
    seed as repository,
    showtimes,
)
from ..db.repository.idempotency import Claim
from ..db.repository.reservations import NewHold, Reservation
from . import scale as seeding
from .scale import SeedError, Summary


@dataclass(frozen=True, slots=True)
class Volume:
    """A size of database, by name; few live holds beside the reservations, however many these are."""

    name: str
    reservations: int
    showtimes: int


VOLUMES = (Volume("million", 1_000_000, 20_000), Volume("thousand", 1_000, 500))
SEATS = 200  # a room
USERS = 10_000
LIVE = 64  # holds, each under a key, and API keys; as many as the largest batch that is looked at
LOGGED_IN = 2_000  # with fewer, reading all sessions is cheaper than looking for some
FIRST_ACCOUNT = "load-1-1@example.com"  # of those that seeding.scale() makes in an empty database
HOLD_SEATS = 2
HOLD_MS = 86_400_000  # as long as the showtimes lie around today
SESSION_S = 604_800
# What is not on disk yet, VACUUM does not take for visible to all, not even that of a transaction shortly before it.
AT_ONCE = {"synchronous_commit": "on"}
STATISTICS_TARGET = "1000"  # ten times the rows that PostgreSQL samples of its own accord: estimates differ less
SPARE_SHOWTIMES = 20  # of a room in which nothing is reserved
ARCHIVED_SHOWTIMES = 16
ARCHIVED_AFTER = timedelta(days=7)
ARCHIVED_ROWS = 500  # at most
LONGEST_FILM_MINUTES = seeding.SLOT_MINUTES - seeding.TRAILERS_MINUTES


async def fill(database_url: str, volume: Volume) -> Summary:
    """Fill an empty database; raises SeedError for one that is not empty.

    Beside the reservations: live holds with keys, login sessions, API keys, archived reservations, and spare rooms.
    """
    limits = tool_limits("seed") | AT_ONCE
    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=1, server_settings=limits) as pool,
        pool.acquire() as conn,
    ):
        if await accounts.list_users(conn, after=0, row_limit=1):
            raise SeedError("there are accounts in this database: plans are compared on one that holds nothing else")
        summary = await asyncio.to_thread(
            seeding.scale,
            database_url,
            showtimes=volume.showtimes,
            seats=SEATS,
            users=USERS,
            reservations=volume.reservations,
            most_lanes=1,  # the order of the rows on disk is one of the things that plans hang on
        )
        async with conn.transaction():
            rooms = await _rooms(conn)
            await _add_spare_rooms(conn)
            await _archive(conn)
            user_ids = [user.id for user in await accounts.list_users(conn, after=0, row_limit=LOGGED_IN)]
            await _hold(conn, rooms, user_ids)
            await _log_in(conn, user_ids)
            await _make_keys(conn, user_ids[:LIVE])
    return summary


async def tidy(database_url: str) -> None:
    """Vacuum and analyze: plans hang on the statistics, and buffers on what autovacuum does at some time or other.

    Raises SeedError for a database of anything else, which may be one that customers are on.
    """
    limits = tool_limits("sql plans") | AT_ONCE | {"default_statistics_target": STATISTICS_TARGET}
    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=1, server_settings=limits) as pool,
        pool.acquire() as conn,
    ):
        first = await accounts.list_users(conn, after=0, row_limit=1)
        if [user.email for user in first] != [FIRST_ACCOUNT]:
            raise SeedError("this database was not filled by `reservation seed plans`, with which plans are compared")
        await repository.vacuum(conn)


async def _rooms(conn: Connection) -> Sequence[int]:
    """The rooms that have a programme: all that there are by now."""
    return [room.id for room in await auditoriums.list_auditoriums(conn, after=0, row_limit=LIVE)]


async def _add_spare_rooms(conn: Connection) -> None:
    """Showtimes and seats that can be deleted, for nothing of theirs is reserved; and a room that can be."""
    films = await repository.find_films(conn, max_minutes=LONGEST_FILM_MINUTES)
    rooms = await repository.generate_auditoriums(conn, room_count=2, seats=SEATS)
    await repository.generate_seats(conn, auditorium_ids=rooms[:1], seats=SEATS)
    await repository.generate_showtimes(
        conn, auditorium_ids=rooms[:1], movie_ids=films.movie_ids, showtimes=SPARE_SHOWTIMES
    )


async def _archive(conn: Connection) -> None:
    """Archive what can be of some old showtimes, but for the oldest ones, which the sample of the archive takes."""
    before = datetime.now(UTC) - ARCHIVED_AFTER
    ended = await archive.list_ended(
        conn, after_start=datetime.min.replace(tzinfo=UTC), after_id=0, before=before, row_limit=2 * ARCHIVED_SHOWTIMES
    )
    ids = [showtime.id for showtime in ended[ARCHIVED_SHOWTIMES:]]
    await archive.move_reservations(conn, showtime_ids=ids, before=before, row_limit=ARCHIVED_ROWS)


async def _hold(conn: Connection, rooms: Sequence[int], user_ids: Sequence[int]) -> None:
    """Hold free seats of the last showtimes of each room, each hold under a key."""
    holds: list[NewHold] = []
    for room in rooms:
        shows = await repository.list_room_showtimes(conn, auditorium_id=room)
        seats = [seat.id for seat in await repository.list_room_seats(conn, auditorium_id=room)]
        for show in shows[-LIVE // len(rooms) :]:
            booked = (await showtimes.booked_seats(conn, showtime_ids=[show.id])).get(show.id, ())
            free = sorted(set(seats).difference(booked))[:HOLD_SEATS]
            holds.append(_new_hold(user_ids[len(holds)], show.id, free))
    written = await booking.insert_held(conn, holds=holds[:LIVE])
    if not all(isinstance(one, Reservation) for one in written):
        raise SeedError(f"of {LIVE} live holds not all could be made: there must be as many showtimes ahead")


def _new_hold(user_id: int, showtime_id: int, seat_ids: Sequence[int]) -> NewHold:
    reservation_id = UUID(int=uuid7().int)
    claim = Claim(user_id, f"hold of {reservation_id}", reservation_id.bytes)
    return NewHold(reservation_id, user_id, showtime_id, seat_ids, HOLD_MS, claim)


async def _log_in(conn: Connection, user_ids: Sequence[int]) -> None:
    for user_id in user_ids:
        await accounts.open_session(conn, session_id=UUID(int=uuid7().int), user_id=user_id, ttl_s=SESSION_S)


async def _make_keys(conn: Connection, user_ids: Sequence[int]) -> None:
    for user_id in user_ids:
        await api_keys.insert_key(
            conn,
            name="Generated",
            user_id=user_id,
            prefix="rsv_generate",
            key_hash=sha256(str(user_id).encode()).digest(),
            scopes=["booking"],
            created_by=user_id,
            expires_at=None,
        )
