"""Orphans: seats that are held in Redis without a live hold in PostgreSQL. The audit lists them, a job releases them.

A hold is written to Redis before PostgreSQL, and removed from Redis after. A worker that is killed in between, or an
outage of Redis, leaves keys that no reservation owns; they expire by themselves, but only minutes later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from ...db.pool import Connection
from ...db.repository import audit as repository
from ...errors import Unavailable
from ...holds.hold_scan import HeldKey, scan_holds, still_held
from ...holds.release_calls import HoldRelease
from ...runtime.redis_client import RedisClient
from ..context import BookingContext
from ..metrics import ORPHANS_RELEASED
from ..other_holds import hand_over
from ..redis_lease import REDIS_MARGIN_MS

HOLDS_A_STATEMENT = 1000
MAX_FAILURES = 3  # then a store is away, and what PostgreSQL said of the others gets old


@dataclass(frozen=True, slots=True)
class Orphan:
    """A seat's Redis key without a live hold, and the status of its reservation; None if there is no reservation."""

    held: HeldKey
    status: str | None


Judge: TypeAlias = Callable[[Sequence[HeldKey]], Awaitable[Sequence[Orphan]]]


async def find_orphans(redis: RedisClient, judge: Judge, *, second_look_s: float) -> Sequence[Orphan]:
    """The keys that `judge` finds orphaned twice, `second_look_s` seconds apart, with the same holder both times.

    `second_look_s` must be longer than a hold can take from Redis to PostgreSQL.
    """
    suspects: set[HeldKey] = set()  # SCAN may return a key twice
    piece: list[HeldKey] = []
    async for held in scan_holds(redis):
        piece += held
        if len(piece) >= HOLDS_A_STATEMENT:
            suspects |= {orphan.held for orphan in await judge(piece)}
            piece = []
    suspects |= {orphan.held for orphan in await judge(piece)}
    if not suspects:
        return []
    await asyncio.sleep(second_look_s)
    return await judge(await still_held(redis, suspects))


async def unbacked(conn: Connection, held: Sequence[HeldKey]) -> Sequence[Orphan]:
    """Those of the keys for which PostgreSQL has no live hold."""
    found = await repository.unbacked_holds(
        conn,
        reservation_ids=[_uuid(key.holder) for key in held],
        showtime_ids=[key.showtime_id for key in held],
        seat_ids=[key.seat_id for key in held],
    )
    return [Orphan(held[hold.place], hold.status) for hold in found]


async def release_orphans(redis: RedisClient, context: BookingContext, *, second_look_s: float) -> None:
    """Release the orphaned seats; raises Unavailable and RedisError."""

    async def judge(held: Sequence[HeldKey]) -> Sequence[Orphan]:
        async with context.database.connection() as conn:
            return await unbacked(conn, held)

    failures: list[Unavailable] = []
    for orphan in await find_orphans(redis, judge, second_look_s=second_look_s):
        try:
            await _release(context, orphan)
        except Unavailable as error:  # the others may succeed
            failures.append(error)
            if len(failures) == MAX_FAILURES:
                break
    if failures:
        raise failures[0]


async def _release(context: BookingContext, orphan: Orphan) -> None:
    held = orphan.held
    holder = _uuid(held.holder)
    if holder is None:
        return
    # Without a reservation, it is of a hold that is not in PostgreSQL yet, or that failed.
    release = HoldRelease(held.showtime_id, holder, [held.seat_id], undo=orphan.status is None)
    await hand_over(context, release, margin_ms=REDIS_MARGIN_MS)
    refused = await context.holds.release([release])
    if not refused:
        ORPHANS_RELEASED.value += 1
        context.log.info("orphaned_hold_released", key=held.key, holder=held.holder, status=orphan.status)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
