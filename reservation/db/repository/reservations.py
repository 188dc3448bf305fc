"""Reservations in PostgreSQL: holds and what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from time import monotonic
from typing import NamedTuple, TypeVar
from uuid import UUID

import asyncpg
import orjson
from orjson import Fragment

from ...errors import (
    IdempotencyKeyUsed,
    Json,
    LimitReached,
    RowLocked,
    SeatsUnavailable,
    ShowtimeChanged,
)
from ..pool import Connection
from ..statements import sql
from .hold_limits import Columns, HoldLimits, LimitedHold, limit_columns
from .idempotency import IdempotencyKey, key_columns
from .reservation_codes import new_codes
from .reservation_rows import Reservation, ReservedSeat, reservation_of
from .reservation_showtimes import in_its_showtime
from .rows import every, maybe, one

Value = TypeVar("Value", str, int)


class HoldToInsert(NamedTuple):
    """A hold that Redis has granted; `ends` and `deadline` are on the monotonic clock.

    It ends in Redis at `ends`, and must be in PostgreSQL by `deadline`. The seats and prices, in the order of the seat
    map, are those of the showtime's layout at `layout_version`, and so is `showtime`, its JSON. `ticket_version` is
    that of the ticket types, or None if all are of the standard type.
    """

    reservation_id: UUID
    user_id: int
    showtime_id: int
    layout_version: int
    showtime: Fragment
    seats: tuple[ReservedSeat, ...]
    idempotency_key: IdempotencyKey | None
    ends: float
    deadline: float
    reference: str | None = None
    metadata: dict[str, Json] | None = None
    ticket_version: int | None = None
    limits: HoldLimits | None = None

    @property
    def ttl_ms(self) -> int:
        """What is left of the hold now, at least 1."""
        return max(1, round((self.ends - monotonic()) * 1000))

    @property
    def total_price(self) -> str:
        """The sum of the prices, with two digits."""
        return _total(*[seat.price for seat in self.seats])


@dataclass(frozen=True, slots=True)
class HoldToExtend:
    """A hold that may be extended; the milliseconds until its end, and until the latest end that it can have.

    sale_refusal: a problem's code if the sale has ended; it may then be confirmed, but not extended.
    """

    showtime_id: int
    status: str
    longest_ms: int
    left_ms: int
    seat_ids: Sequence[int]
    sale_refusal: str | None


@dataclass(frozen=True, slots=True)
class OtherHold:
    """A live hold, those of the seats asked for that it has, and the milliseconds until its end."""

    reservation_id: UUID
    seat_ids: Sequence[int]
    left_ms: int


@dataclass(frozen=True, slots=True)
class LockedReservation:
    """A reservation that the transaction has locked."""

    showtime_id: int
    status: str
    seat_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class ExpiredHolds:
    """How many rows were read, how many holds were marked as expired, and the id to continue at, None past the end."""

    rows_read: int
    expired: int
    next_id: UUID | None


async def insert_held(conn: Connection, *, holds: Sequence[HoldToInsert]) -> list[Reservation | Exception]:
    """Insert holds, no two with the same idempotency key.

    In place of a reservation: LimitReached, IdempotencyKeyUsed, RowLocked, SeatsUnavailable (the booked seats) or
    ShowtimeChanged. LimitReached may be due to an earlier hold of the same user in the batch that was not inserted.
    Each call makes new codes. One that is taken makes the statement fail as a whole, with Overloaded.
    """
    codes, totals = new_codes(len(holds)), [hold.total_price for hold in holds]
    rows = await conn.fetch(
        sql("reservations/insert_held"),
        [hold.reservation_id for hold in holds],
        [hold.user_id for hold in holds],
        [hold.showtime_id for hold in holds],
        [hold.layout_version for hold in holds],
        [hold.ttl_ms for hold in holds],
        totals,
        [f"{{{','.join([str(seat.seat_id) for seat in hold.seats])}}}" for hold in holds],
        [f"{{{','.join([seat.row_label for seat in hold.seats])}}}" for hold in holds],
        [f"{{{','.join([str(seat.seat_number) for seat in hold.seats])}}}" for hold in holds],
        [f"{{{','.join([seat.price for seat in hold.seats])}}}" for hold in holds],
        *key_columns([hold.idempotency_key for hold in holds]),
        codes,
        _sparse([hold.reference for hold in holds]),
        _sparse([None if hold.metadata is None else orjson.dumps(hold.metadata).decode() for hold in holds]),
        _sparse([None if hold.ticket_version is None else _ticket_types(hold.seats) for hold in holds]),
        _sparse([hold.ticket_version for hold in holds]),
        *_limits(holds),
    )
    found = {row["place"]: row for row in rows}
    return [
        _insert_outcome(*each, found[place]) for place, each in enumerate(zip(holds, codes, totals, strict=True), 1)
    ]


async def find_booked(conn: Connection, *, seats: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bool]:
    """Which of these seats, each with its showtime's id first, are booked, and whether by a block."""
    showtime_ids, seat_ids = [showtime_id for showtime_id, _ in seats], [seat_id for _, seat_id in seats]
    rows = await conn.fetch(sql("reservations/find_booked"), showtime_ids, seat_ids)
    return {(row["showtime_id"], row["seat_id"]): row["is_blocked"] for row in rows}


async def find_reservation(
    conn: Connection, *, reservation_id: UUID, user_id: int, showtime_id: int | None = None
) -> Reservation | None:
    """One of a user's own reservations; `showtime_id`: of which showtime, if the caller knows."""

    async def find(showtime_id: int) -> asyncpg.Record | None:
        return await conn.fetchrow(sql("reservations/find_reservation"), reservation_id, user_id, showtime_id)

    row = await in_its_showtime(conn, reservation_id, showtime_id, find)
    return None if row is None else reservation_of(row)


async def find_archived(conn: Connection, *, reservation_id: UUID, user_id: int) -> Reservation | None:
    """One of a user's own reservations that is in the archive."""

    async def find(showtime_id: int) -> asyncpg.Record | None:
        return await conn.fetchrow(sql("archive/find_reservation"), reservation_id, user_id, showtime_id)

    row = await in_its_showtime(conn, reservation_id, None, find)
    return None if row is None else reservation_of(row)


async def lock_reservation(conn: Connection, *, reservation_id: UUID, user_id: int) -> LockedReservation | None:
    """Lock a user's own reservation until the end of the transaction."""

    async def lock(showtime_id: int) -> LockedReservation | None:
        args = (reservation_id, user_id, showtime_id)
        return await maybe(conn, LockedReservation, "reservations/lock_reservation", *args)

    return await in_its_showtime(conn, reservation_id, None, lock)


async def wait_for_showtime(conn: Connection, *, showtime_id: int) -> None:
    """Wait for the lock of another session on a showtime; raises RowLocked after 300 ms."""
    try:
        await conn.execute(sql("reservations/wait_for_showtime"), showtime_id)
    except asyncpg.LockNotAvailableError as error:
        raise RowLocked from error


async def find_hold(conn: Connection, *, reservation_id: UUID, user_id: int, max_s: int) -> HoldToExtend | None:
    """A user's own reservation; `max_s` is the longest life of a hold."""

    async def find(showtime_id: int) -> HoldToExtend | None:
        return await maybe(conn, HoldToExtend, "reservations/find_hold", reservation_id, user_id, max_s, showtime_id)

    return await in_its_showtime(conn, reservation_id, None, find)


async def extend(
    conn: Connection, *, reservation_id: UUID, showtime_id: int, user_id: int, ttl_ms: int, max_s: int
) -> datetime | None:
    """Let a user's live hold run for `ttl_ms` from now, which is the result; None if there is none."""

    async def run(showtime_id: int) -> datetime | None:
        args = (reservation_id, user_id, ttl_ms, max_s, showtime_id)
        extended_at: datetime | None = await conn.fetchval(sql("reservations/extend"), *args)
        return extended_at

    return await in_its_showtime(conn, reservation_id, showtime_id, run)


async def undo_hold(
    conn: Connection,
    *,
    reservation_id: UUID,
    showtime_id: int,
    user_id: int,
    idempotency_key: IdempotencyKey | None,
) -> bool:
    """Cancel a hold and delete the idempotency key stored with it; False if it is not a hold any more."""
    key_user_id, key = (None, None) if idempotency_key is None else idempotency_key.primary_key

    async def run(showtime_id: int) -> UUID | None:
        args = (reservation_id, user_id, key, key_user_id, showtime_id)
        undone: UUID | None = await conn.fetchval(sql("reservations/undo_hold"), *args)
        return undone

    return await in_its_showtime(conn, reservation_id, showtime_id, run) is not None


async def find_other_holds(
    conn: Connection, *, showtime_id: int, seat_ids: Sequence[int], reservation_id: UUID
) -> list[OtherHold]:
    """The live holds of other reservations on some of these seats."""
    return await every(conn, OtherHold, "reservations/find_other_holds", showtime_id, seat_ids, reservation_id)


async def mark_cancelled(
    conn: Connection, *, reservation_id: UUID, showtime_id: int, cancelled_by: str, reason: str | None
) -> bool:
    """Cancel a locked reservation, by customer, cinema or staff; a reason is the box office's. Whether it was paid."""
    args = (reservation_id, cancelled_by, reason, showtime_id)
    return bool(await conn.fetchval(sql("reservations/mark_cancelled"), *args))


async def expire_holds(conn: Connection, *, first_id: UUID, age_s: int, margin_s: int, row_limit: int) -> ExpiredHolds:
    """Mark holds as expired, from `first_id` on, that are older than `age_s` and ended at least `margin_s` ago."""
    return await one(conn, ExpiredHolds, "reservations/expire_holds", first_id, age_s, margin_s, row_limit)


def _sparse(column: list[Value | None]) -> list[Value | None]:
    """A column that most holds leave out: empty if all do. The driver takes some 0.3 us for an item, null or not."""
    return [] if column.count(None) == len(column) else column


def _ticket_types(seats: Sequence[ReservedSeat]) -> str:
    return f"{{{','.join([str(seat.ticket_type.id) for seat in seats])}}}"


def _limits(holds: Sequence[HoldToInsert]) -> Columns:
    limited = [(hold, hold.limits) for hold in holds if hold.limits is not None]
    return limit_columns([LimitedHold(*hold[:3], hold.seats, limits) for hold, limits in limited])


@lru_cache(maxsize=4096)  # a room has few prices
def _total(*prices: str) -> str:
    cents = sum([int(price.replace(".", "")) for price in prices])
    return f"{cents // 100}.{cents % 100:02}"


def _insert_outcome(hold: HoldToInsert, code: str, total_price: str, row: asyncpg.Record) -> Reservation | Exception:
    created_at = row["created_at"]
    if created_at is not None:
        head = (hold.reservation_id, code, hold.showtime_id, hold.showtime, "held", hold.seats, total_price)
        return Reservation(*head, created_at, row["expires_at"], hold.reference, hold.metadata)
    if row["limit_reached"]:
        return LimitReached(row["limit_reached"])
    if row["repeated"]:
        return IdempotencyKeyUsed()
    if row["showtime_locked"]:
        return RowLocked()
    return SeatsUnavailable(booked=row["booked"], blocked=row["blocked"]) if row["booked"] else ShowtimeChanged()
