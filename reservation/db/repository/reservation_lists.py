"""Lists of a customer's reservations."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .reservation_rows import Reservation, reservation_of

MAX_ROWS_READ = 1_000  # of each table, for a page of the reservations that have a status


class ReservationPage(NamedTuple):
    """Some of a user's reservations, and where the next page begins: after this time and id; None on the last page."""

    reservations: Sequence[Reservation]
    next_key: tuple[datetime, UUID] | None


async def list_reservations(
    conn: Connection, *, user_id: int, before: datetime, before_id: UUID, status: str | None, page_size: int
) -> ReservationPage:
    """A page of a user's reservations, newest first, archived ones included.

    With a status, a page may have fewer than `page_size` reservations, or none, and still not be the last one.
    """
    row_limit = page_size + 1
    read_limit = row_limit if status is None else max(row_limit, MAX_ROWS_READ)
    rows = await conn.fetch(
        sql("reservations/list_reservations"), user_id, before, before_id, status, row_limit, read_limit
    )
    found = [reservation_of(row) for row in rows if status is None or row["status"] == status]
    if len(found) > page_size:
        return ReservationPage(found[:page_size], (found[page_size - 1].created_at, found[page_size - 1].id))
    stopped = rows and rows[-1]["is_last_read"]
    return ReservationPage(found, (rows[-1]["created_at"], rows[-1]["id"]) if stopped else None)
