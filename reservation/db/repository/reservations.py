"""Reservations: the hold that PostgreSQL knows of, and who owns which seat in the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

from ...errors import KeyClaimed
from ..pool import Connection
from ..statements import sql
from .idempotency import Claim
from .rows import maybe, one


@dataclass(frozen=True, slots=True)
class ReservedSeat:
    """A seat of a reservation, at the price it was held for."""

    seat_id: int
    row_label: str
    seat_number: int
    price: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """A hold on seats of one showtime, and what became of it: held, confirmed, cancelled or expired.

    Money is PostgreSQL's own text of it, with two digits: it goes to the client as it is.
    """

    id: UUID
    showtime_id: int
    status: str
    seats: tuple[ReservedSeat, ...]
    total_price: str
    created_at: datetime
    expires_at: datetime


Written: TypeAlias = Reservation | KeyClaimed | frozenset[int]


@dataclass(frozen=True, slots=True)
class NewHold:
    """A hold that Redis has granted, to be written down; it has `ttl_ms` milliseconds left."""

    reservation_id: UUID
    user_id: int
    showtime_id: int
    seat_ids: Sequence[int]
    ttl_ms: int
    claim: Claim | None


class ConfirmRequest(NamedTuple):
    """A reservation that its user wants to confirm, under a key or not."""

    reservation_id: UUID
    user_id: int
    claim: Claim | None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What became of a confirm: the status before, whether it is confirmed now, and the seats that others own.

    Where its key was used before, nothing became of it: `repeated`.
    """

    reservation: Reservation
    before: str
    confirmed: bool
    repeated: bool
    lost: frozenset[int]


@dataclass(frozen=True, slots=True)
class FoundHold:
    """What extend decides by: milliseconds that are left of the hold, and that may be; seat ids in order."""

    showtime_id: int
    status: str
    most_ms: int
    left_ms: int
    seat_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class LockedReservation:
    """What cancel decides by; seat ids in order."""

    showtime_id: int
    status: str
    seat_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Retired:
    """How many rows were looked at, how many had run out, and where to go on; None past the last one."""

    looked_at: int
    retired: int
    mark: UUID | None


async def insert_held(conn: Connection, *, holds: Sequence[NewHold]) -> list[Written]:
    """Write down holds that Redis has granted, no two under one key.

    Answers for each the reservation, KeyClaimed, or the seats that are booked; none of them means that the showtime has
    started, is gone, or has changed its room.
    """
    claims = [(hold.reservation_id, hold.claim) for hold in holds if hold.claim is not None]
    rows = await conn.fetch(
        sql("reservations/insert_held"),
        [hold.reservation_id for hold in holds],
        [hold.user_id for hold in holds],
        [hold.showtime_id for hold in holds],
        [hold.ttl_ms for hold in holds],
        [len(hold.seat_ids) for hold in holds],
        [hold.reservation_id for hold in holds for _ in hold.seat_ids],
        [seat_id for hold in holds for seat_id in hold.seat_ids],
        [reservation_id for reservation_id, _ in claims],
        [claim.key for _, claim in claims],
        [claim.fingerprint for _, claim in claims],
    )
    written = {row["id"]: _written(row) for row in rows}
    return [written[hold.reservation_id] for hold in holds]


async def find_booked(conn: Connection, *, seats: Sequence[tuple[int, int]]) -> frozenset[tuple[int, int]]:
    """Which of these seats, each with its showtime's id first, are booked."""
    rows = await conn.fetch(
        sql("reservations/find_booked"),
        [showtime_id for showtime_id, _ in seats],
        [seat_id for _, seat_id in seats],
    )
    return frozenset((row["showtime_id"], row["seat_id"]) for row in rows)


async def confirm(conn: Connection, *, wanted: Sequence[ConfirmRequest]) -> dict[tuple[UUID, int], Confirmation]:
    """Confirm reservations, each of a user once and no two under one key; answers those that are that user's.

    Fails as a whole when one of them loses a seat, or its time, while the statement runs.
    """
    claims = [(one.reservation_id, one.claim) for one in wanted if one.claim is not None]
    rows = await conn.fetch(
        sql("reservations/confirm"),
        [one.reservation_id for one in wanted],
        [one.user_id for one in wanted],
        [reservation_id for reservation_id, _ in claims],
        [claim.key for _, claim in claims],
        [claim.fingerprint for _, claim in claims],
    )
    return {
        (row["id"], row["user_id"]): Confirmation(
            reservation=_reservation(row, "confirmed" if row["confirmed"] else row["status"]),
            before=row["status"],
            confirmed=row["confirmed"],
            repeated=row["repeated"],
            lost=frozenset(row["lost"]),
        )
        for row in rows
    }


async def find_reservation(conn: Connection, *, reservation_id: UUID, user_id: int) -> Reservation | None:
    """One of a user's own reservations."""
    row = await conn.fetchrow(sql("reservations/find_reservation"), reservation_id, user_id)
    return None if row is None else _reservation(row, row["status"])


async def find_archived(conn: Connection, *, reservation_id: UUID, user_id: int) -> Reservation | None:
    """One of a user's own reservations that is in the archive."""
    row = await conn.fetchrow(sql("archive/find_reservation"), reservation_id, user_id)
    return None if row is None else _reservation(row, row["status"])


async def list_reservations(
    conn: Connection, *, user_id: int, before: datetime, before_id: UUID, status: str | None, row_limit: int
) -> Sequence[Reservation]:
    """A page of a user's reservations, newest first, archived ones included."""
    rows = await conn.fetch(sql("reservations/list_reservations"), user_id, before, before_id, status, row_limit)
    return [_reservation(row, row["status"]) for row in rows]


async def lock_reservation(conn: Connection, *, reservation_id: UUID, user_id: int) -> LockedReservation | None:
    """Lock a user's own reservation until the end of the transaction."""
    return await maybe(conn, LockedReservation, "reservations/lock_reservation", reservation_id, user_id)


async def find_hold(conn: Connection, *, reservation_id: UUID, user_id: int, most_s: int) -> FoundHold | None:
    """A user's own hold, or what became of it; `most_s` is the longest life of one."""
    return await maybe(conn, FoundHold, "reservations/find_hold", reservation_id, user_id, most_s)


async def extend(conn: Connection, *, reservation_id: UUID, user_id: int, ttl_ms: int, most_s: int) -> bool:
    """Let a user's live hold go on for `ttl_ms`; False when there is none."""
    return await conn.fetchval(sql("reservations/extend"), reservation_id, user_id, ttl_ms, most_s) is not None


async def free_seats(conn: Connection, *, reservation_id: UUID, showtime_id: int, cutoff_s: int) -> int:
    """Give the seats of a locked, confirmed reservation back; 0 when the showtime is nearer than `cutoff_s`."""
    return len(await conn.fetch(sql("reservations/free_seats"), reservation_id, showtime_id, cutoff_s))


async def mark_cancelled(conn: Connection, *, reservation_id: UUID) -> None:
    """End a locked reservation."""
    await conn.execute(sql("reservations/mark_cancelled"), reservation_id)


async def expire_holds(conn: Connection, *, mark: UUID, age_s: int, margin_s: int, row_limit: int) -> Retired:
    """Mark some of the holds that ended `margin_s` seconds ago as expired, from `mark` on and older than `age_s`."""
    return await one(conn, Retired, "reservations/expire_holds", mark, age_s, margin_s, row_limit)


def _written(row: asyncpg.Record) -> Written:
    if row["status"] is not None:
        return _reservation(row, row["status"])
    return KeyClaimed() if row["repeated"] else frozenset(row["booked"])


def _reservation(row: asyncpg.Record, status: str) -> Reservation:
    columns = zip(row["seat_ids"], row["row_labels"], row["seat_numbers"], row["prices"], strict=True)
    return Reservation(
        id=row["id"],
        showtime_id=row["showtime_id"],
        status=status,
        seats=tuple(ReservedSeat(*column) for column in columns),
        total_price=row["total_price"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
