"""The database that stored plans are made on: generated reservations, and rows that the samples of statements find."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from time import monotonic
from uuid import UUID

from orjson import Fragment
from uuid_utils.compat import uuid7

from ..db.command_connections import tool_connection
from ..db.pool import Connection
from ..db.pool_options import tool_limits
from ..db.repository import (
    account_tokens,
    accounts,
    api_keys,
    archive,
    auditoriums,
    box_office,
    reservations as booking,
    seed as repository,
    showtimes,
    webhooks,
)
from ..db.repository.idempotency import IdempotencyKey
from ..db.repository.reservation_rows import STANDARD, Reservation, ReservedSeat
from ..db.repository.reservations import HoldToInsert
from ..db.repository.seed import RoomSeat
from ..db.repository.showtimes import ShowtimeLayout
from ..db.repository.webhooks import WebhookInput
from ..db.reservation_ids import new_reservation_id
from . import scale as seeding
from .random_reservations import price
from .scale import Generated, SeedError

RESERVATIONS = 1_000_000
SHOWTIMES = 20_000
SEATS = 200  # a room
USERS = 10_000
LIVE = 64  # holds, each with an idempotency key: the size of the largest batch in buffer_bounds.txt
# Accounts with a login session, an API key and a mailed token, and guests: with fewer, reading all is cheaper.
LOGGED_IN = 2_000
FIRST_ACCOUNT = "load-1-1@example.com"  # what scale() names the first account of an empty database
HOLD_SEATS = 2
EVENTS = 100_000
PAYMENTS = 50_000
WEBHOOKS = 20
HOLD_S = 86_400  # a day: the holds are still live when the plans are compared
SESSION_S = 604_800
# VACUUM marks no page as all-visible that an asynchronous commit has changed shortly before.
SYNCHRONOUS = {"synchronous_commit": "on"}
# Foreign keys are not checked, which takes two thirds of PostgreSQL's time; only a superuser may set this.
UNCHECKED = {"session_replication_role": "replica"}
STATISTICS_TARGET = "1000"  # ten times the default sample: estimates differ less from run to run
SPARE_SHOWTIMES = 20  # of a room without reservations
ARCHIVED_SHOWTIMES = 16
ARCHIVED_AFTER = timedelta(days=7)
ARCHIVED_ROWS = 500  # at most
LONGEST_FILM_MINUTES = seeding.SLOT_MINUTES - seeding.TRAILERS_MINUTES


async def fill(database_url: str, *, reservations: int = RESERVATIONS, showtimes: int = SHOWTIMES) -> Generated:
    """Fill an empty database; raises SeedError for one that is not empty.

    Adds to the reservations: live holds with idempotency keys, login sessions, API keys, archived reservations,
    webhooks, events with deliveries, payments, tickets, and rooms without reservations.
    """
    async with tool_connection(database_url, tool_limits("seed") | SYNCHRONOUS) as conn:
        if await accounts.list_users(conn, roles=["user"], after=0, row_limit=1):
            raise SeedError("there are accounts in this database: plans need one that holds nothing else")
        summary = await asyncio.to_thread(
            seeding.scale,
            database_url,
            showtimes=showtimes,
            seats=SEATS,
            users=USERS,
            reservations=reservations,
            most_connections=1,  # plans depend on the order of the rows on disk
            server_settings=UNCHECKED if conn.get_settings().is_superuser == "on" else None,
        )
        async with conn.transaction():
            rooms = [room.id for room in await auditoriums.list_auditoriums(conn, after=0, row_limit=LIVE)]
            await _add_spare_rooms(conn)
            await _archive(conn)
            user_ids = [
                user.id for user in await accounts.list_users(conn, roles=["user"], after=0, row_limit=LOGGED_IN)
            ]
            await _hold(conn, rooms, user_ids)
            await _log_in(conn, user_ids)
            await _add_guests(conn)
            await _make_api_keys(conn, user_ids)
            await _mail_tokens(conn, user_ids)
            await _add_webhooks(conn)
            await repository.generate_events(conn, row_limit=EVENTS)
            await repository.generate_payments(conn, row_limit=PAYMENTS)
    return summary


async def vacuum(database_url: str) -> None:
    """Reindex, vacuum and analyze: plans depend on statistics, and buffers on index pages and what autovacuum has done.

    Raises SeedError for a database that `fill` has not filled, since it may be in use.
    """
    limits = tool_limits("sql plans") | SYNCHRONOUS | {"default_statistics_target": STATISTICS_TARGET}
    async with tool_connection(database_url, limits) as conn:
        first = await accounts.list_users(conn, roles=["user"], after=0, row_limit=1)
        if [user.email for user in first] != [FIRST_ACCOUNT]:
            raise SeedError("this database was not filled by `reservation seed plans`, which the stored plans are for")
        await repository.vacuum(conn)


async def _add_spare_rooms(conn: Connection) -> None:
    """A room with showtimes and seats that can be deleted, and a room that can be deleted."""
    films = await repository.find_films(conn, max_minutes=LONGEST_FILM_MINUTES)
    rooms = await repository.generate_auditoriums(conn, room_count=2, seats=SEATS)
    await repository.generate_seats(conn, auditorium_ids=rooms[:1], seats=SEATS)
    await repository.generate_showtimes(
        conn, auditorium_ids=rooms[:1], movie_ids=films.movie_ids, showtimes=SPARE_SHOWTIMES
    )


async def _archive(conn: Connection) -> None:
    """Archive reservations of some old showtimes; the oldest stay for the sample of archive/move_reservations."""
    before = datetime.now(UTC) - ARCHIVED_AFTER
    ended = await archive.list_ended(
        conn, after_start=datetime.min.replace(tzinfo=UTC), after_id=0, before=before, row_limit=2 * ARCHIVED_SHOWTIMES
    )
    ids = [showtime.id for showtime in ended[ARCHIVED_SHOWTIMES:]]
    await archive.move_reservations(conn, showtime_ids=ids, before=before, row_limit=ARCHIVED_ROWS)


async def _hold(conn: Connection, rooms: Sequence[int], user_ids: Sequence[int]) -> None:
    """Hold free seats of the last showtimes of each room, each hold with an idempotency key."""
    holds: list[HoldToInsert] = []
    for room in rooms:
        shows = await repository.list_room_showtimes(conn, auditorium_id=room)
        seats = await repository.list_room_seats(conn, auditorium_id=room)
        wanted = [show.id for show in shows[-LIVE // len(rooms) :]]
        for layout in await showtimes.layouts(conn, showtime_ids=wanted, with_booked=True):
            holds.append(_new_hold(user_ids[len(holds)], layout, seats))
    written = await booking.insert_held(conn, holds=holds[:LIVE])
    if not all(isinstance(one, Reservation) for one in written):
        raise SeedError(f"{LIVE} live holds need as many showtimes in the future")


def _new_hold(user_id: int, layout: ShowtimeLayout, seats: Sequence[RoomSeat]) -> HoldToInsert:
    """Hold the first seats of a showtime that are free."""
    booked = set(layout.booked)
    free = tuple(
        ReservedSeat(
            seat.id, seat.row_label, seat.seat_number, str(price(layout.base_price, seat.price_modifier)), STANDARD
        )
        for seat in islice((seat for seat in seats if seat.id not in booked), HOLD_SEATS)
    )
    reservation_id = new_reservation_id(layout.id)
    key = IdempotencyKey(user_id, f"hold of {reservation_id}", reservation_id.bytes)
    ends = monotonic() + HOLD_S
    return HoldToInsert(
        reservation_id, user_id, layout.id, layout.layout_version, Fragment(b"null"), free, key, ends, deadline=ends
    )


async def _log_in(conn: Connection, user_ids: Sequence[int]) -> None:
    for user_id in user_ids:
        session_id = UUID(int=uuid7().int)
        await accounts.open_session(conn, session_id=session_id, user_id=user_id, ttl_s=SESSION_S, password_hash=None)


async def _add_guests(conn: Connection) -> None:
    """As many guests as accounts that are logged in: half of themselves, and half of the box office."""
    for number in range(LOGGED_IN // 2):
        name, email, session_id = f"Guest {number}", f"guest-{number}@example.com", UUID(int=uuid7().int)
        await accounts.open_guest_session(
            conn, name=name, email=email, session_id=session_id, ttl_s=SESSION_S, language=None
        )
        await box_office.ensure_customer(conn, email=f"box-office-{number}@example.com", name=name)


async def _make_api_keys(conn: Connection, user_ids: Sequence[int]) -> None:
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
            limits=api_keys.KeyHoldLimits(),
        )


async def _add_webhooks(conn: Connection) -> None:
    for number in range(WEBHOOKS):
        wanted = WebhookInput(f"https://till-{number}.example/events", ["reservation.confirmed"], active=True)
        made = await webhooks.insert_webhook(conn, webhook=wanted, most=WEBHOOKS)
        if made is not None:
            await webhooks.insert_secret(conn, webhook_id=made.id, secret="whsec_Z2VuZXJhdGVk")


async def _mail_tokens(conn: Connection, user_ids: Sequence[int]) -> None:
    for user_id in user_ids:
        await account_tokens.insert_token(
            conn,
            token_hash=sha256(str(user_id).encode()).digest(),
            user_id=user_id,
            purpose="verify_email",
            ttl_s=SESSION_S,
        )
