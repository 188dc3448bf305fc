"""Read replicas: which of them may serve a read, by how far each has replayed the primary's WAL.

What a client has written is before a place in the WAL, which the response to the write gives. A replica that has
replayed the WAL up to there has it. No clock of a server counts: the order of commits is not that of their times, and
clocks are set, and differ after a failover. How old a replica's data may be is measured by this process's own clock: by
when the primary was asked for the place that the replica has replayed by now.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from time import monotonic

import asyncpg
from structlog.stdlib import BoundLogger

from ...errors import Overloaded, Unavailable
from .. import metrics
from ..pool import Database
from ..repository.wal_positions import START, WalPosition, replayed_position
from .primary_positions import PrimaryPositions

CATCH_UP_WAIT_S = 0.5
CATCH_UP_EVERY_S = 0.01
MAX_MARKS = 20_000  # as many probes as an hour and more has; READ_MAX_LAG_SECONDS is at most an hour
NEVER = float("-inf")

# Errors of a statement that say nothing of its server: a conflict with what is replayed, its own length, or a schema
# that is not there yet. The probes notice a server that does not answer.
_OF_STATEMENT = (
    asyncpg.TransactionRollbackError,
    asyncpg.QueryCanceledError,
    asyncpg.SyntaxOrAccessError,
    TimeoutError,
)


class Replica:
    """One server. `seen_at`: the moment of our clock before which it has every commit; NEVER if that is unknown."""

    def __init__(self, name: str, database: Database, reports: Database) -> None:
        self.name = name
        self.database = database
        self.reports = reports
        self.is_well: bool | None = None  # not known before the first probe
        self.position: WalPosition | None = None
        self.seen_at = NEVER

    def has(self, needed: WalPosition) -> bool:
        """Whether it has replayed up to a place of its timeline or of an earlier one."""
        return self.position is not None and self.position.wal_bytes >= needed.wal_bytes


@dataclass(frozen=True, slots=True)
class _Mark:
    """A position of the primary that was read after this moment of our clock."""

    position: WalPosition
    asked_at: float


class Replicas:
    """The replicas of DATABASE_READ_URL; they are used in turn. `positions` are the primary's."""

    def __init__(
        self, positions: PrimaryPositions, replicas: list[Replica], *, max_lag_s: float, log: BoundLogger
    ) -> None:
        self.positions = positions
        self.replicas = replicas
        self.max_lag_s = max_lag_s
        self._log = log
        self._marks: deque[_Mark] = deque(maxlen=MAX_MARKS)
        self._turn = 0

    def choose(self, needed: WalPosition) -> Replica | None:
        """A replica that has what is before this place, and lags little enough; None: read from the primary."""
        if not self._marks or needed.timeline > self._marks[-1].position.timeline:
            return None
        oldest = monotonic() - self.max_lag_s
        for _ in self.replicas:
            self._turn = (self._turn + 1) % len(self.replicas)
            replica = self.replicas[self._turn]
            if replica.is_well and replica.seen_at >= oldest and replica.has(needed):
                return replica
        return None

    async def caught_up(self) -> Replica | None:
        """A replica that has all that was committed before this call, after a wait of up to CATCH_UP_WAIT_S.

        None: read from the primary.
        """
        replica = self.choose(START)
        if replica is None:
            return None
        try:
            needed = await self.positions.now()
        except Unavailable:
            return None
        try:
            async with asyncio.timeout(CATCH_UP_WAIT_S):
                return replica if await _replays_up_to(replica, needed) else None
        except TimeoutError:
            return None
        except Unavailable as error:
            self.note_failure(replica, error)
            return None

    def note_primary(self, position: WalPosition, asked_at: float) -> None:
        """Note a position of the primary that was read after this moment."""
        last = self._marks[-1].position if self._marks else position
        if (last.cluster, last.timeline) != (position.cluster, position.timeline) or (
            position.wal_bytes < last.wal_bytes
        ):
            # Another server is the primary now: what the replicas have is known when they are on its timeline.
            self._marks.clear()
            for replica in self.replicas:
                replica.seen_at = NEVER
        elif self._marks and position.wal_bytes == last.wal_bytes:
            self._marks.pop()
        self._marks.append(_Mark(position, asked_at))

    def note_replica(self, replica: Replica, replayed: WalPosition | None) -> None:
        """Note how far a replica has replayed; None: it is no standby."""
        if (replayed is not None) != replica.is_well:
            self._log.info("replica_found", replica=replica.name, is_standby=replayed is not None)
        replica.is_well, replica.position, replica.seen_at = replayed is not None, replayed, NEVER
        if replayed is not None and self._marks:
            primary = self._marks[-1].position
            if (primary.cluster, primary.timeline) == (replayed.cluster, replayed.timeline):
                number = bisect_right(self._marks, replayed.wal_bytes, key=lambda mark: mark.position.wal_bytes)
                replica.seen_at = self._marks[number - 1].asked_at if number else NEVER
        self.show(replica)

    def note_failure(self, replica: Replica, error: Exception) -> None:
        """Use a replica whose connections fail no more, until a probe succeeds again.

        One that is only in use by many, or whose statement was ended, answers.
        """
        cause = error.__cause__ or error
        if isinstance(error, Overloaded) or isinstance(cause, _OF_STATEMENT):
            return
        self.leave_out(replica, cause)

    def leave_out(self, replica: Replica, cause: BaseException) -> None:
        """Use a replica no more, until a probe succeeds again."""
        if replica.is_well is not False:
            self._log.warning("replica_left_out", replica=replica.name, cause=repr(cause))
        replica.is_well = False
        self.show(replica)

    def show(self, replica: Replica) -> None:
        """Set the metrics of a replica."""
        lag_s = monotonic() - replica.seen_at
        metrics.REPLICA_LAG.values[replica.name] = lag_s if replica.seen_at != NEVER else float("nan")
        metrics.REPLICA_IN_USE.values[replica.name] = float(bool(replica.is_well) and lag_s <= self.max_lag_s)


async def _replays_up_to(replica: Replica, needed: WalPosition) -> bool:
    """Return when a standby has this place; whether it ever can: it may follow another server, or none."""
    replayed = replica.position
    async with replica.database.connection() as conn:
        while replayed is not None and (replayed.cluster, replayed.timeline) == (needed.cluster, needed.timeline):
            if replayed.wal_bytes >= needed.wal_bytes:
                return True
            replayed = await replayed_position(conn)
            if replayed is not None and replayed.wal_bytes < needed.wal_bytes:
                await asyncio.sleep(CATCH_UP_EVERY_S)
    return False
