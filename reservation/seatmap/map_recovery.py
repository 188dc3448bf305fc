"""Seat maps in Redis that lack a change of PostgreSQL: after a worker was killed, and after PostgreSQL was restored.

A killed worker. A worker commits a change (a confirm, a cancel, an administrator's change) and then announces it: it
increments the map's version in Redis. If it is killed in between, clients with the old version go on getting 304. So
every worker has a mark in Redis: all that it committed before the mark's time is announced. It moves the mark every
PERIOD_S, and another worker that finds a mark of DEAD_AFTER_S ago or older announces all maps with a change since that
mark, less `change_s`. A worker also does so at its start, with the oldest mark there is. This misses no change:

- A worker writes its first mark before it serves, and the mark outlives it: SIGKILL at any moment, also of all workers,
  leaves the mark, and PostgreSQL has the times of the changes. It is removed at a stop with nothing left to announce.
- The mark does not move while an update waits to be retried (PendingUpdates.has_pending).
- A change that is on its way, from its time (the start of its statement, at the earliest) to its announcement or its
  entry in the pending updates, is bounded by the timeouts of the stores; `change_s` is longer than that.
- A process that stood still (SIGSTOP, a paused machine) can exceed that bound. Its mark stood still as well, and moves
  only when two turns of the loop were in time: by then the changes that were on their way have been announced.
- Marks and maps are in the same Redis. If it loses them, each map is primed with a new version. Changes of the last
  `change_s` are announced at a start even without a mark.

It costs the requests nothing, and announces only maps with a change in that window.

A restored PostgreSQL. Every PERIOD_S the database's identity and generation (sql/ops/database_state.sql) are compared
with those in Redis; detect_restore.lua forgets all showtimes if the identity differs or the generation is lower. Redis
is read before PostgreSQL, whose generation decreases by a restore only, so nothing else looks like one.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID, uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from ..db.pool import Database
from ..db.repository import ops, showtimes
from ..errors import Unavailable
from ..holds.hold_scan import scan_showtimes
from ..holds.pending_updates import PendingUpdates
from ..holds.store import HoldRelease
from ..holds.worker_marks import KnownDatabase, Mark, WorkerMarks
from ..runtime.cancellation import cancel_and_wait, is_cancel_requested

PERIOD_S = 2.0
DEAD_AFTER_S = 15.0
SHOWTIMES_AT_ONCE = 100
SEATS_AT_ONCE = 1000  # Lua cannot unpack a list of 8,000
NO_RESERVATION = UUID(int=0)
SECOND_US = 1_000_000


class WorkerMark:
    """The mark of this process."""

    def __init__(self, marks: WorkerMarks) -> None:
        self._marks = marks
        self._worker = str(uuid4())
        self._announced_us = self._clock_us = 0
        self._clock_read_at = self._last_turn = monotonic()

    @property
    def now_us(self) -> int:
        """PostgreSQL's clock, as far as it is known here."""
        return self._clock_us + int((monotonic() - self._clock_read_at) * SECOND_US)

    def set_clock(self, now_us: int) -> None:
        """PostgreSQL's clock was read."""
        self._clock_us, self._clock_read_at = now_us, monotonic()
        self._announced_us = self._announced_us or now_us

    def move(self) -> None:
        """All changes until now are announced or on their way, if the process did not stand still."""
        last, self._last_turn = self._last_turn, monotonic()
        if self._last_turn - last < 2 * PERIOD_S:
            self._announced_us = self._clock_us

    async def write(self) -> None:
        """Write the mark, and that the process is alive."""
        await self._marks.write(self._worker, Mark(self._announced_us, self.now_us))

    async def remove(self) -> None:
        """Remove the mark: all is announced."""
        await self._marks.remove([self._worker])


class MapRecovery:
    """Finds maps that lack a change, and announces it; see the module."""

    def __init__(
        self, redis: Redis, database: Database, pending_updates: PendingUpdates, log: BoundLogger, *, change_s: float
    ) -> None:
        self._redis = redis
        self._database = database
        self._pending_updates = pending_updates
        self._log = log
        self._change_s = change_s
        self._marks = WorkerMarks(redis)
        self._mark = WorkerMark(self._marks)
        self._is_started = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run during the block, in which changes may be committed; raises Unavailable at its start only."""
        await self._compare_databases()
        await self._mark.write()
        task = asyncio.create_task(self._run_forever())
        try:
            yield
        finally:
            await cancel_and_wait([task])
        if not self._pending_updates.has_pending:
            with suppress(Unavailable):
                await self._mark.remove()

    async def _run_forever(self) -> None:
        while not is_cancel_requested():
            try:
                await self._turn()
            except (Unavailable, RedisError, OSError) as error:
                self._log.warning("map_recovery_postponed", cause=repr(error))
            except Exception:
                self._log.exception("map_recovery_failed")
            await asyncio.sleep(PERIOD_S)

    async def _turn(self) -> None:
        await self._compare_databases()
        if not self._pending_updates.has_pending:
            self._mark.move()
        await self._mark.write()
        marks = await self._marks.read()
        dead = [
            worker for worker, mark in marks.items() if self._mark.now_us - mark.alive_us > DEAD_AFTER_S * SECOND_US
        ]
        if dead or not self._is_started:
            relevant = dead if self._is_started else marks
            await self._announce_since(min(marks[worker].announced_us for worker in relevant))
            self._is_started = True
        if dead:
            await self._marks.remove(dead)

    async def _compare_databases(self) -> None:
        known = await self._marks.known_database()
        async with self._database.connection() as conn:
            state = await ops.database_state(conn)
        self._mark.set_clock(state.now_us)
        found = KnownDatabase(state.identity, state.generation_before)
        if await self._marks.detect_restore(known, found, raised_to=state.generation):
            self._log.warning("database_restored", known=[*known], found=[*found])

    async def _announce_since(self, since_us: int) -> None:
        """Announce the changes since a moment; raises Unavailable and RedisError."""
        since = datetime.fromtimestamp(since_us / SECOND_US, UTC) - timedelta(seconds=self._change_s)
        batch: list[int] = []
        async for showtime_id in scan_showtimes(self._redis):
            batch.append(showtime_id)
            if len(batch) == SHOWTIMES_AT_ONCE:
                await self._announce(batch, since)
                batch.clear()
        await self._announce(batch, since)

    async def _announce(self, showtime_ids: Iterable[int], since: datetime) -> None:
        async with self._database.connection() as conn:
            found = await showtimes.changed_since(conn, showtime_ids=[*showtime_ids], since=since)
        await self._pending_updates.bump_layouts([one.showtime_id for one in found if one.layout_changed])
        # Of no reservation: the sweep deletes the keys of holds that have ended.
        await self._pending_updates.release(
            [
                HoldRelease(one.showtime_id, NO_RESERVATION, one.seat_ids[start : start + SEATS_AT_ONCE])
                for one in found
                if not one.layout_changed
                for start in range(0, len(one.seat_ids), SEATS_AT_ONCE)
            ]
        )
        await self._mark.write()  # alive, however long this takes


@asynccontextmanager
async def marked(redis: Redis, database: Database) -> AsyncIterator[None]:
    """Changes that are committed in the block are announced by the workers if an exception or SIGKILL ends it."""
    mark = WorkerMark(WorkerMarks(redis))
    async with database.connection() as conn:
        mark.set_clock((await ops.database_state(conn)).now_us)
    await mark.write()

    async def stay_alive() -> None:
        while not is_cancel_requested():
            await asyncio.sleep(PERIOD_S)
            with suppress(Unavailable):
                await mark.write()

    task = asyncio.create_task(stay_alive())
    try:
        yield
        with suppress(Unavailable):
            await mark.remove()
    finally:
        await cancel_and_wait([task])
