"""Reservations of all customers, for the box office."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from ..pool import Connection
from ..statements import sql
from .reservation_lists import MAX_ROWS_READ
from .reservation_rows import Reservation, reservation_of
from .reservation_showtimes import in_its_showtime
from .rows import every

MAX_GUESTS = 1_000  # of one e-mail address, the newest, whose reservations are searched
MAX_CHANGES = 50  # of one reservation, the newest, that are shown
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
FIRST_ID, LAST_ID = UUID(int=0), UUID(int=2**128 - 1)
# A reservation's id has the time of the worker that got the request, and created_at PostgreSQL's at the insert.
CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose a reservation is: an account or a guest."""

    id: int
    name: str
    email: str


@dataclass(kw_only=True)
class CustomerReservation(Reservation):
    """A reservation as staff and administrators see it; `cancel_reason` is theirs, null unless they cancelled it."""

    customer: Customer
    cancel_reason: str | None


@dataclass(frozen=True, slots=True)
class ReservationChange:
    """A change of a reservation's seats: cancelled_seats, added_seats or exchanged, by customer, cinema or staff."""

    change: str
    changed_by: str
    reason: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ReservationFilter:
    """What reservations to list; `user_ids` are customers, None for all."""

    code: str | None = None
    showtime_id: int | None = None
    user_ids: Sequence[int] | None = None
    status: str | None = None
    created_from: datetime = EARLIEST
    created_to: datetime = LATEST

    @property
    def may_skip(self) -> bool:
        """Whether rows that a page reads may not match, although showtime and customers do."""
        return self.status is not None or self.created_from > EARLIEST or self.created_to < LATEST


@dataclass(frozen=True, slots=True)
class CustomerReservationPage:
    """Some reservations, and where the next page begins: after this time and id; None on the last page."""

    reservations: Sequence[CustomerReservation]
    next_key: tuple[datetime, UUID] | None


async def find_owner(conn: Connection, *, reservation_id: UUID) -> int | None:
    """Whose a reservation is, archived ones included."""

    async def find(showtime_id: int) -> int | None:
        user_id: int | None = await conn.fetchval(sql("box_office/find_owner"), reservation_id, showtime_id)
        return user_id

    return await in_its_showtime(conn, reservation_id, None, find)


async def find_customers(conn: Connection, *, email: str) -> list[int]:
    """The ids of the account and the guests with an e-mail address."""
    return [row["id"] for row in await conn.fetch(sql("box_office/find_customers"), email, MAX_GUESTS)]


async def ensure_customer(conn: Connection, *, email: str, name: str) -> int:
    """The id of the account with an e-mail address, or else of a guest of the box office."""
    user_id: int = await conn.fetchval(sql("box_office/ensure_customer"), email, name)
    return user_id


async def find_reservations(conn: Connection, *, reservation_ids: Sequence[UUID]) -> dict[UUID, CustomerReservation]:
    """Reservations with their customers, by id, archived ones included."""
    rows = await conn.fetch(sql("box_office/find_reservations"), reservation_ids)
    return {row["id"]: _customer_reservation(row) for row in rows}


async def list_changes(conn: Connection, *, reservation_id: UUID) -> Sequence[ReservationChange]:
    """The last changes of a reservation's seats, the newest first."""
    return await every(conn, ReservationChange, "box_office/list_changes", reservation_id, MAX_CHANGES)


async def list_reservations(
    conn: Connection, *, wanted: ReservationFilter, before: datetime, before_id: UUID, page_size: int
) -> CustomerReservationPage:
    """A page of the reservations that match, newest first, archived ones included.

    With a status or times, a page may have fewer than `page_size` reservations, or none, and still not be the last one.
    """
    rows = await _list_ids(conn, wanted, before, before_id, page_size + 1)
    found = [row for row in rows if row["matches"]]
    next_row = None
    if len(found) > page_size:
        found = found[:page_size]
        next_row = found[-1]
    elif rows and rows[-1]["is_last_read"]:
        next_row = rows[-1]
    by_id = await find_reservations(conn, reservation_ids=[row["id"] for row in found])
    shown = [by_id[row["id"]] for row in found if row["id"] in by_id]
    # The status of one may have changed between the two statements.
    shown = [each for each in shown if wanted.status is None or each.status == wanted.status]
    return CustomerReservationPage(shown, None if next_row is None else (next_row["created_at"], next_row["id"]))


async def _list_ids(
    conn: Connection, wanted: ReservationFilter, before: datetime, before_id: UUID, row_limit: int
) -> Sequence[asyncpg.Record]:
    matching = (wanted.status, wanted.created_from, wanted.created_to, row_limit)
    read_limit = max(row_limit, MAX_ROWS_READ) if wanted.may_skip else row_limit
    showtime_id, user_ids = wanted.showtime_id, wanted.user_ids
    if wanted.code is not None:
        statement = sql("box_office/list_by_code")
        return await conn.fetch(statement, wanted.code, showtime_id, user_ids, before, before_id, *matching)
    if showtime_id is not None:
        statement = sql("box_office/list_of_showtime")
        return await conn.fetch(statement, showtime_id, user_ids, before, before_id, *matching)
    if user_ids is not None:
        statement = sql("box_office/list_of_customers")
        return await conn.fetch(statement, user_ids, before, before_id, *matching, read_limit)
    before_id = min(before_id, id_at(wanted.created_to + CLOCKS_DIFFER))
    lowest_id = id_at(wanted.created_from - CLOCKS_DIFFER)
    return await conn.fetch(sql("box_office/list_newest"), before_id, lowest_id, *matching, read_limit)


def id_at(time: datetime) -> UUID:
    """The lowest UUIDv7 of a time, the lowest or highest UUID beyond the times that one has."""
    if time >= LATEST:
        return LAST_ID
    return UUID(int=max(0, (time - EARLIEST) // timedelta(milliseconds=1)) << 80)


def _customer_reservation(row: asyncpg.Record) -> CustomerReservation:
    customer = Customer(row["customer_id"], row["customer_name"], row["customer_email"])
    known = vars(reservation_of(row))
    return CustomerReservation(**known, customer=customer, cancel_reason=row["cancel_reason"])
