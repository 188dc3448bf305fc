"""Read replicas: which of them may serve a read, by how far each has replayed the primary's WAL.

A probe reads the primary's clock and its place in the WAL, then each replica's. A replica that has replayed the WAL up
to a place of which the clock is known has every commit of before that moment. So a moment of the primary's clock says
what a client has written, and neither a write nor a read needs a statement for it. No other clock is compared.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic

import asyncpg
from psycopg.conninfo import conninfo_to_dict
from structlog.stdlib import BoundLogger

from ..errors import Overloaded, Unavailable
from ..runtime.cancellation import cancel_and_wait
from ..settings import Settings
from . import metrics
from .pool import Database
from .pool_options import pool_options
from .postgresql_errors import DRIVER_ERRORS
from .repository.wal_positions import PrimaryPosition, primary_position, replayed_position

PROBE_EVERY_S = 0.25
PROBE_WAIT_S = 1.0
READ_WAIT_S = 2.0  # a statement that has no answer by then is run on the primary
CONNECT_WAIT_S = 1.0
MAX_MARKS = 20_000  # as many probes as an hour and more has; READ_MAX_LAG_SECONDS is at most an hour
MAX_SKEW_US = 60_000_000  # a moment further ahead than this is of no clock of ours
UNKNOWN_US = 2**63 - 1  # no replica has it


class Replica:
    """One server. `seen_us`: a moment of the primary's clock before which it has every commit."""

    def __init__(self, name: str, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.name = name
        self.pool = pool
        # Without a wait for a cancelled statement: a server that hangs would not end it.
        self.database = Database(pool, wait_s=CONNECT_WAIT_S, behind_pgbouncer=True, in_metrics=False)
        self.is_well = False
        self.seen_us = 0


class Replicas:
    """The replicas of DATABASE_READ_URL; they are used in turn."""

    def __init__(self, primary: Database, replicas: list[Replica], *, max_lag_s: float, log: BoundLogger) -> None:
        self._primary = primary
        self.replicas = replicas
        self._max_lag_us = int(max_lag_s * 1_000_000)
        self._log = log
        self._marks: deque[PrimaryPosition] = deque(maxlen=MAX_MARKS)
        self._clock: tuple[int, float] | None = None  # the primary's clock, and a moment of ours before it
        self._turn = 0

    def now_us(self) -> int:
        """The primary's clock, or a little later, never earlier; UNKNOWN_US before the first probe."""
        if self._clock is None:
            return UNKNOWN_US
        read_us, asked_at = self._clock
        return read_us + int((monotonic() - asked_at) * 1_000_000) + 1

    def choose(self, written_us: int) -> Replica | None:
        """A replica that has every commit of before this moment and lags little enough; None: read from the primary."""
        oldest_us = max(written_us, self.now_us() - self._max_lag_us)
        for _ in self.replicas:
            self._turn = (self._turn + 1) % len(self.replicas)
            replica = self.replicas[self._turn]
            if replica.is_well and replica.seen_us >= oldest_us:
                return replica
        return None

    def leave_out(self, replica: Replica, error: Exception) -> None:
        """Use a replica no more, until a probe succeeds again."""
        if replica.is_well:
            self._log.warning("replica_left_out", replica=replica.name, cause=repr(error.__cause__ or error))
        replica.is_well = False
        self._show(replica)

    async def probe_for_ever(self) -> None:
        """Probe the primary and every replica, again and again."""
        await asyncio.gather(self._repeat_primary(), *(self._repeat(each) for each in self.replicas))

    async def _repeat_primary(self) -> None:
        while True:
            try:
                async with asyncio.timeout(PROBE_WAIT_S):
                    await self._probe_primary()
            except (Unavailable, TimeoutError, *DRIVER_ERRORS):
                pass  # without new marks the replicas lag, and reads go to the primary, which answers or fails
            await asyncio.sleep(PROBE_EVERY_S)

    async def _probe_primary(self) -> None:
        async with self._primary.connection() as conn:
            asked_at = monotonic()
            position = await primary_position(conn)
        if self._marks and (
            position.now_us <= self._marks[-1].now_us or position.wal_bytes < self._marks[-1].wal_bytes
        ):
            self._marks.clear()  # another server is the primary now, or its clock was set back
            for replica in self.replicas:
                replica.seen_us = 0
        self._marks.append(position)
        self._clock = position.now_us, asked_at

    async def _repeat(self, replica: Replica) -> None:
        while True:
            try:
                async with asyncio.timeout(PROBE_WAIT_S), replica.database.connection() as conn:
                    replayed = await replayed_position(conn)
            except Overloaded:
                pass  # all connections are in use: it answers
            except (Unavailable, TimeoutError, *DRIVER_ERRORS) as error:
                self.leave_out(replica, error)
            else:
                self._note(replica, replayed)
            self._show(replica)
            await asyncio.sleep(PROBE_EVERY_S)

    def _note(self, replica: Replica, replayed: int | None) -> None:
        is_standby = replayed is not None
        if is_standby != replica.is_well:
            self._log.info("replica_found", replica=replica.name, is_standby=is_standby)
        replica.is_well = is_standby
        if replayed is not None:
            number = bisect_right(self._marks, replayed, key=lambda mark: mark.wal_bytes)
            replica.seen_us = self._marks[number - 1].now_us if number else 0

    def _show(self, replica: Replica) -> None:
        now_us = self.now_us()
        lag_s = (now_us - replica.seen_us) / 1_000_000 if replica.seen_us and now_us != UNKNOWN_US else float("nan")
        metrics.REPLICA_LAG.values[replica.name] = lag_s
        in_use = replica.is_well and replica.seen_us >= now_us - self._max_lag_us
        metrics.REPLICA_IN_USE.values[replica.name] = float(in_use)


@asynccontextmanager
async def open_replicas(primary: Database, settings: Settings, log: BoundLogger) -> AsyncIterator[Replicas | None]:
    """The replicas while the block runs, which are probed meanwhile; None without DATABASE_READ_URL."""
    if settings.database_read_url is None:
        yield None
        return
    options = pool_options(settings)
    options |= {
        "dsn": settings.database_read_url,
        "min_size": 0,  # the service starts without a replica
        "command_timeout": READ_WAIT_S,
        "timeout": CONNECT_WAIT_S,
        "server_settings": options["server_settings"] | {"application_name": "reservation reads"},
    }
    replicas = [
        Replica(f"{host}:{port}", await asyncpg.create_pool(**options | {"host": host, "port": port}))
        for host, port in _hosts(conninfo_to_dict(settings.database_read_url))
    ]
    opened = Replicas(primary, replicas, max_lag_s=settings.read_max_lag_s, log=log)
    probing = asyncio.create_task(opened.probe_for_ever())
    try:
        yield opened
    finally:
        await cancel_and_wait([probing])
        for replica in replicas:
            replica.pool.terminate()


def _hosts(members: Mapping[str, object]) -> list[tuple[str, int]]:
    hosts = str(members.get("host") or "localhost").split(",")
    ports = str(members.get("port") or "5432").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    return [(host, int(port or 5432)) for host, port in zip(hosts, ports, strict=True)]
