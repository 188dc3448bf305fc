"""Which showtime a reservation has, so that statements can compare it beside the id.

A new id names the showtime. It is looked up for an id that names none, as those made before do, and for a reservation
that was exchanged for seats of another showtime: a statement that compares the wrong one finds no row.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

from ...errors import RowLocked
from ..pool import Connection
from ..reservation_ids import showtime_of
from ..statements import sql

LOOK_UPS = 3  # it may be exchanged between the look-up and the statement

Found = TypeVar("Found")


async def find_showtimes(conn: Connection, *, reservation_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The showtimes of some reservations, archived ones included; one that does not exist has none."""
    rows = await conn.fetch(sql("reservations/find_showtimes"), reservation_ids)
    return {row["id"]: row["showtime_id"] for row in rows}


async def in_its_showtime(
    conn: Connection,
    reservation_id: UUID,
    showtime_id: int | None,
    run: Callable[[int], Awaitable[Found | None]],
) -> Found | None:
    """What `run` finds of a reservation, given its showtime: first `showtime_id`, or without it the one in the id.

    If it finds nothing there, the showtime is looked up, and `run` is called once more if that is another one.
    """
    tried = showtime_of(reservation_id) if showtime_id is None else showtime_id
    if tried is not None and (found := await run(tried)) is not None:
        return found
    for _ in range(LOOK_UPS):
        now = (await find_showtimes(conn, reservation_ids=[reservation_id])).get(reservation_id)
        if now is None or now == tried:
            return None
        if (found := await run(now)) is not None:
            return found
        tried = now
    raise RowLocked
