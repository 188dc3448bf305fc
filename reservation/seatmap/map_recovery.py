"""Seat maps in Redis that lack a change of PostgreSQL: after a worker was killed, and after PostgreSQL was restored.

A killed worker. A worker commits a change (a confirm, a cancel, an administrator's change) and then announces it: it
increments the map's version in Redis. If it is killed in between, clients with the old version go on getting 304. So
every worker has a mark in Redis: all that it committed before the mark's time is announced. It moves the mark every
PERIOD_S, and another worker that finds a mark of DEAD_AFTER_S ago or older announces all maps with a change since that
mark, less `change_s`. A worker also does so at its start, with the oldest mark there is. This misses no change:

- A worker writes its first mark before it serves, and the mark outlives it: SIGKILL at any moment, also of all workers,
  leaves the mark, and PostgreSQL has the times of the changes. It is removed at a stop with nothing left to announce.
- The mark does not move while an update waits to be retried (PendingUpdates.has_pending), and after updates were
  dropped (PendingUpdates.dropped) not before the worker has announced all changes since its mark.
- A change that is on its way, from its time (the start of its statement, at the earliest) to its announcement or its
  entry in the pending updates, is bounded by the timeouts of the stores; `change_s` is longer than that.
- A process that stood still (SIGSTOP, a paused machine) can exceed that bound. Its mark stood still as well, and moves
  only when two turns of the loop were in time: by then the changes that were on their way have been announced.
- Marks and maps are in the same Redis. If it loses them, each map is primed with a new version. Changes of the last
  `change_s` are announced at a start even without a mark.

It costs the requests nothing, and announces only maps with a change in that window. One worker at a time announces the
changes of dead ones (reservation:recovery). If PostgreSQL or Redis fails meanwhile, it goes on where it was.

A restored PostgreSQL. Every PERIOD_S the database's identity and generation (sql/ops/database_state.sql) are compared
with those in Redis; detect_restore.lua forgets all showtimes if the identity differs or the generation is lower. Redis
is read before PostgreSQL, whose generation decreases by a restore only, so nothing else looks like one. Each worker
compares with its own last reading as well, and calls `on_restore`: what it keeps of PostgreSQL may be of another past.

A fail-over. A promotion begins a new timeline, a part of the identity: it is treated as a restore, since the new
primary may lack the last commits of the old one. Workers compare at once after the first connection to it
(ServerLines). A lower generation shows that commits were lost. A worker that is still connected to the old primary
reads the new identity in Redis, and replaces its connections; it changes nothing in Redis.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import uuid4

from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from ..db import metrics
from ..db.failover.server_lines import ServerLine
from ..db.pool import Database
from ..db.repository import ops, showtimes
from ..db.repository.ops import DatabaseState
from ..errors import HoldsUnavailable, Unavailable
from ..holds.hold_scan import ShowtimeScan
from ..holds.pending_updates import PendingUpdates
from ..holds.release_calls import NO_RESERVATION, HoldRelease
from ..holds.worker_marks import KnownDatabase, Mark, WorkerMarks
from ..runtime.cancellation import cancel_and_wait, is_cancel_requested
from ..runtime.redis_client import RedisClient, is_away

PERIOD_S = 2.0
DEAD_AFTER_S = 15.0
SHOWTIMES_AT_ONCE = 100
SEATS_AT_ONCE = 1000  # Lua cannot unpack a list of 8,000
SECOND_US = 1_000_000


class WorkerMark:
    """The mark of this process."""

    def __init__(self, marks: WorkerMarks) -> None:
        self._marks = marks
        self.worker = str(uuid4())
        self.announced_us = self._clock_us = 0
        self._clock_read_at = self._last_turn = monotonic()

    @property
    def now_us(self) -> int:
        """PostgreSQL's clock, as far as it is known here."""
        return self._clock_us + int((monotonic() - self._clock_read_at) * SECOND_US)

    def set_clock(self, now_us: int) -> None:
        """PostgreSQL's clock was read."""
        self._clock_us, self._clock_read_at = now_us, monotonic()
        self.announced_us = self.announced_us or now_us

    def move(self) -> None:
        """All changes until now are announced or on their way, if the process did not stand still."""
        last, self._last_turn = self._last_turn, monotonic()
        if self._last_turn - last < 2 * PERIOD_S:
            self.announced_us = self._clock_us

    async def write(self) -> None:
        """Write the mark, and that the process is alive."""
        await self._marks.write(self.worker, Mark(self.announced_us, self.now_us))

    async def remove(self) -> None:
        """Remove the mark: all is announced."""
        await self._marks.remove([self.worker])


@dataclass(slots=True)
class _Scan:
    """Announces the changes since a moment: of workers that are dead, and of updates that this one dropped."""

    since_us: int
    dead: Sequence[str]  # their marks are removed afterwards
    dropped: int  # PendingUpdates.dropped, as far as this makes up for it
    maps: ShowtimeScan  # as far as they are done


class MapRecovery:
    """Finds maps that lack a change, and announces it; see the module."""

    def __init__(
        self,
        redis: RedisClient,
        database: Database,
        pending_updates: PendingUpdates,
        log: BoundLogger,
        *,
        change_s: float,
        on_restore: Callable[[], None],
    ) -> None:
        self._redis = redis
        self._database = database
        self._pending_updates = pending_updates
        self._log = log
        self._change_s = change_s
        self._on_restore = on_restore
        self._last_read: DatabaseState | None = None
        self._last_known: KnownDatabase | None = None
        self._is_failed_over = asyncio.Event()
        database.lines.on_failed_over.append(self._wake)
        self._marks = WorkerMarks(redis)
        self._mark = WorkerMark(self._marks)
        self._is_started = False
        self._scan: _Scan | None = None  # under way
        self._dropped = 0  # PendingUpdates.dropped, as far as the changes were announced since

    @asynccontextmanager
    async def running(self, *, redis_answers: bool = True) -> AsyncIterator[None]:
        """Run during the block, in which changes may be committed; raises Unavailable at its start only.

        While Redis is away, as it is known to be without `redis_answers`, the mark has the time of the start, and is
        written as soon as Redis is back. So no change is missed, unless every worker had ended in order before Redis
        went away, one was started and killed while it was away, and the next one starts more than `change_s` later.
        """
        await self._begin(redis_answers=redis_answers)
        task = asyncio.create_task(self._run_forever())
        try:
            yield
        finally:
            await cancel_and_wait([task])
        if self._all_announced:
            with suppress(Unavailable):
                await self._mark.remove()

    async def _begin(self, *, redis_answers: bool) -> None:
        if redis_answers:
            try:
                await self._compare_databases()
                await self._mark.write()
            except HoldsUnavailable as error:
                if not is_away(error.__cause__):
                    raise
            else:
                return
        async with self._database.connection() as conn:
            self._mark.set_clock((await ops.database_state(conn)).now_us)

    @property
    def _all_announced(self) -> bool:
        return not self._pending_updates.has_pending and self._pending_updates.dropped == self._dropped

    async def _run_forever(self) -> None:
        while not is_cancel_requested():
            try:
                await self._turn()
            except (Unavailable, RedisError, OSError) as error:
                self._log.warning("map_recovery_postponed", cause=repr(error))
            except Exception:
                self._log.exception("map_recovery_failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(PERIOD_S):
                    await self._is_failed_over.wait()
            self._is_failed_over.clear()

    async def _wake(self) -> None:
        self._is_failed_over.set()

    async def _turn(self) -> None:
        await self._write_mark()  # first: else all marks would look dead after an outage of PostgreSQL
        await self._compare_databases()
        if self._all_announced:
            self._mark.move()
        await self._write_mark()
        self._scan = self._scan or await self._next_scan()
        if self._scan is not None:
            await self._finish(self._scan)
            self._scan, self._is_started = None, True

    async def _write_mark(self) -> None:
        """Show that this worker is alive, and goes on with its scan."""
        await self._mark.write()
        if self._scan is not None and self._scan.dead:
            await self._claim()

    async def _claim(self) -> bool:
        return await self._marks.claim_recovery(self._mark.worker, int(DEAD_AFTER_S))

    async def _next_scan(self) -> _Scan | None:
        marks = await self._marks.read()
        dead_before_us = self._mark.now_us - int(DEAD_AFTER_S * SECOND_US)
        dead = [worker for worker, mark in marks.items() if mark.alive_us < dead_before_us]
        if self._is_started and dead and not await self._claim():
            dead = []  # another worker announces their changes
        since = [marks[worker].announced_us for worker in (dead if self._is_started else marks)]
        dropped = self._dropped
        if not self._pending_updates.has_pending and self._pending_updates.dropped != dropped:
            dropped = self._pending_updates.dropped
            since.append(self._mark.announced_us)
        return _Scan(min(since), dead, dropped, ShowtimeScan(self._redis)) if since else None

    async def _finish(self, scan: _Scan) -> None:
        """Announce the changes of the maps that are not done; raises Unavailable and RedisError."""
        since = datetime.fromtimestamp(scan.since_us / SECOND_US, UTC) - timedelta(seconds=self._change_s)
        while not scan.maps.is_done:
            showtime_ids = await scan.maps.read()
            for start in range(0, len(showtime_ids), SHOWTIMES_AT_ONCE):
                await self._announce(showtime_ids[start : start + SHOWTIMES_AT_ONCE], since)
            await scan.maps.advance()
        if scan.dead and self._pending_updates.dropped == scan.dropped:  # else their changes are announced again
            await self._marks.remove(scan.dead)
        self._dropped = scan.dropped

    async def _compare_databases(self) -> None:
        known = await self._marks.known_database()
        last_known, self._last_known = self._last_known, known
        async with self._database.connection() as conn:
            if last_known is not None and known.identity and known != last_known:  # another worker has just seen it
                await self._database.lines.note_from_another_process(ServerLine.of_identity(known.identity))
            state = await ops.database_state(conn)
            await self._database.lines.note(ServerLine.of_identity(state.identity))
        self._mark.set_clock(state.now_us)
        last, self._last_read = self._last_read, state
        if last is not None and (state.identity != last.identity or state.generation_before < last.generation):
            self._on_restore()
        found = KnownDatabase(state.identity, state.generation_before)
        if await self._marks.detect_restore(known, found, raised_to=state.generation):
            _log_change(self._log, known, found)

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
        await self._write_mark()  # alive, however long this takes


def _log_change(log: BoundLogger, known: KnownDatabase, found: KnownDatabase) -> None:
    """Say whether it is a fail-over, and if the new primary lacks what the old one had committed, or a restore."""
    before, now = ServerLine.of_identity(known.identity), ServerLine.of_identity(found.identity)
    if before.cluster == now.cluster and before.timeline < now.timeline:
        commits = "lost" if found.generation < known.generation else "no_loss_seen"
        metrics.FAILOVERS.counts[commits] += 1
        log.warning("database_failed_over", commits=commits, known=[*known], found=[*found])
    else:
        log.warning("database_restored", known=[*known], found=[*found])


@asynccontextmanager
async def marked(redis: RedisClient, database: Database) -> AsyncIterator[None]:
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
