"""Holds in Redis that no reservation stands behind: the audit names them, and a sweep gives their seats back.

A hold is in Redis before it is in PostgreSQL, and leaves it after. A worker that is killed in between, or a Redis that
does not answer just then, leaves keys which nobody owns; they would run out by themselves, minutes later. Nothing
depends on the sweep but the wait of whoever wants those seats.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TypeAlias
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ..db.repository import audit as repository
from ..db.repository.audit import Connection
from ..errors import Unavailable
from ..holds.hold_scan import HeldKey, scan_holds, still_held
from ..holds.store import HoldRelease
from .context import BookingContext
from .expire_job import expire_past_holds
from .idempotency import forget_old

HOLDS_A_STATEMENT = 1000
TEND_EVERY_S = 1.0
SWEEP_EVERY_S = 30
SWEEP_KEY = "reservation:sweep"


@dataclass(frozen=True, slots=True)
class Orphan:
    """A seat's key without a live hold behind it; the status of its reservation, None where there is none."""

    held: HeldKey
    status: str | None


Judge: TypeAlias = Callable[[Sequence[HeldKey]], Awaitable[Sequence[Orphan]]]


async def find_orphans(redis: Redis, judge: Judge, *, second_look_s: float) -> Sequence[Orphan]:
    """The keys that `judge` finds orphaned twice, `second_look_s` seconds apart, with the same holder both times."""
    suspects: set[HeldKey] = set()  # SCAN may name a key twice
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
    """Those of the keys that PostgreSQL knows of no live hold for."""
    found = await repository.unbacked_holds(
        conn,
        reservation_ids=[_uuid(key.holder) for key in held],
        showtime_ids=[key.showtime_id for key in held],
        seat_ids=[key.seat_id for key in held],
    )
    return [Orphan(held[hold.place], hold.status) for hold in found]


async def tend_for_ever(redis: Redis, context: BookingContext, *, second_look_s: float) -> None:
    """Mend what failures leave behind.

    Every second, sweeps apart, that is what Redis missed while it was away; and every half a minute, in one process at
    a time, Idempotency-Keys of the day before, holds that ran out long ago, and orphaned ones.

    `second_look_s` must be longer than a hold can be on its way from Redis to PostgreSQL. No failure ends it.
    """
    next_sweep = monotonic()
    while True:
        try:
            await context.pending_updates.retry()
            if monotonic() >= next_sweep:
                next_sweep = monotonic() + SWEEP_EVERY_S
                if await redis.set(SWEEP_KEY, "1", nx=True, ex=SWEEP_EVERY_S - 1):
                    await forget_old(context.database)
                    await expire_past_holds(redis, context.database, age_s=max(context.hold_ttl_s, context.hold_max_s))
                    await _sweep(redis, context, second_look_s)
        except (Unavailable, RedisError, OSError) as error:
            context.log.warning("tending_put_off", cause=repr(error))
        except Exception:  # whatever it is, it must not end the tending for good and unnoticed
            context.log.exception("tending_failed")
        await asyncio.sleep(TEND_EVERY_S)


async def _sweep(redis: Redis, context: BookingContext, second_look_s: float) -> None:
    async def judge(held: Sequence[HeldKey]) -> Sequence[Orphan]:
        async with context.database.connection() as conn:
            return await unbacked(conn, held)

    for orphan in await find_orphans(redis, judge, second_look_s=second_look_s):
        held = orphan.held
        holder = _uuid(held.holder)
        if holder is not None:
            refused = await context.holds.release([HoldRelease(held.showtime_id, holder, [held.seat_id])])
            if not refused:
                context.log.info("orphaned_hold_released", key=held.key, holder=held.holder, status=orphan.status)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
