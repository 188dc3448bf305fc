"""Statements of the version before migration 0012, to run beside those of this version, as a rolling restart does."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from tests.api import Connection

TTL_MS = 600_000


def statement(name: str) -> str:
    """A statement of reservations/ as it was."""
    return (Path(__file__).parent / f"{name}.sql").read_text()


async def hold(conn: Connection, user_id: int, showtime_id: int, seat_ids: Sequence[int]) -> UUID | None:
    """Insert a hold as a worker of that version does after Redis has granted it; None if it is refused."""
    made, count = UUID(int=uuid7().int), len(seat_ids)
    hold_args = ([made], [user_id], [showtime_id], [TTL_MS], [count])
    [row] = await conn.fetch(statement("insert_held"), *hold_args, [made] * count, seat_ids, [], [], [])
    return made if row["status"] == "held" else None


async def confirm(conn: Connection, user_id: int, reservation_id: UUID) -> bool | None:
    """Confirm a hold; None if a lock or a lost race asks to do it again."""
    try:
        rows = await conn.fetch(statement("confirm"), [reservation_id], [user_id], [], [], [])
    except (asyncpg.CheckViolationError, asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        return None
    return None if not rows or rows[0]["showtime_locked"] else bool(rows[0]["confirmed"])


async def cancel(conn: Connection, user_id: int, reservation_id: UUID) -> str:
    """Cancel a reservation in one transaction; its status before."""
    async with conn.transaction():
        locked = await conn.fetchrow(statement("lock_reservation"), reservation_id, user_id)
        assert locked is not None
        if locked["status"] == "confirmed":
            assert await conn.fetch(statement("free_seats"), reservation_id, locked["showtime_id"], 0)
        if locked["status"] in ("held", "confirmed"):
            await conn.execute(statement("mark_cancelled"), reservation_id)
    return str(locked["status"])
