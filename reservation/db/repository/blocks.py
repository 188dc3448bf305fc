"""Blocked seats: those of a showtime that the cinema keeps for itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..pool import Connection
from ..statements import sql
from .rows import every


@dataclass(frozen=True, slots=True)
class BlockedSeat:
    """A blocked seat, and why it is."""

    seat_id: int
    row_label: str
    seat_number: int
    reason: str


async def find_taken(conn: Connection, *, showtime_id: int, seat_ids: Sequence[int]) -> dict[int, str]:
    """Those of the seats of a showtime, which the caller has locked, that are held, booked or blocked, and which."""
    rows = await conn.fetch(sql("blocks/find_taken"), showtime_id, seat_ids)
    return {row["seat_id"]: row["reason"] for row in rows}


async def insert_blocks(conn: Connection, *, showtime_id: int, seat_ids: Sequence[int], reason: str) -> None:
    """Block seats of a showtime, which the caller has locked; none of them is taken."""
    await conn.execute(sql("blocks/insert_blocks"), showtime_id, seat_ids, reason)


async def delete_blocks(conn: Connection, *, showtime_id: int, seat_ids: Sequence[int]) -> set[int]:
    """Unblock seats of a showtime, which the caller has locked; those that were blocked."""
    return {row["seat_id"] for row in await conn.fetch(sql("blocks/delete_blocks"), showtime_id, seat_ids)}


async def list_blocks(
    conn: Connection, *, showtime_id: int, after_row: str = "", after_number: int = 0, row_limit: int
) -> Sequence[BlockedSeat]:
    """A page of the blocked seats of a showtime, in map order."""
    return await every(conn, BlockedSeat, "blocks/list_blocks", showtime_id, after_row, after_number, row_limit)
