"""Opens the read replicas, and probes the primary and each of them on a connection of its own, again and again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import asyncpg
from structlog.stdlib import BoundLogger

from ...errors import Unavailable
from ...runtime.cancellation import cancel_and_wait
from ...settings import Settings
from ..failover.server_choice import hosts_of
from ..failover.server_lines import ServerLines
from ..pool import Database
from ..pool_options import COMMAND_MARGIN_S, pool_options
from ..postgresql_errors import DRIVER_ERRORS
from ..repository.wal_positions import replayed_position
from . import Replica, Replicas
from .primary_positions import open_primary_positions

PROBE_EVERY_S = 0.25
PROBE_WAIT_S = 1.0
READ_WAIT_S = 2.0  # a statement that has no answer by then is run on the primary
CONNECT_WAIT_S = 1.0
# A standby takes no writes; once promoted, it would.
READ_ONLY = {"default_transaction_read_only": "on"}


class Probe:
    """The probes of one replica: no read waits for its connection, and a failure of reads does not end them."""

    def __init__(self, replicas: Replicas, replica: Replica, database: Database) -> None:
        self._replicas, self._replica, self._database = replicas, replica, database

    async def repeat(self) -> None:
        """Probe for ever."""
        while True:
            try:
                async with asyncio.timeout(PROBE_WAIT_S), self._database.connection() as conn:
                    replayed = await replayed_position(conn)
            except (Unavailable, TimeoutError, *DRIVER_ERRORS) as error:
                self._replicas.leave_out(self._replica, error.__cause__ or error)
            else:
                self._replicas.note_replica(self._replica, replayed)
            await asyncio.sleep(PROBE_EVERY_S)


async def _probe_primary(replicas: Replicas) -> None:
    """Without new positions of the primary the replicas lag, and reads go to the primary, which answers or fails."""
    while True:
        asked_at = monotonic()
        try:
            position = await replicas.positions.now()
        except (Unavailable, *DRIVER_ERRORS):
            for replica in replicas.replicas:
                replicas.show(replica)
        else:
            replicas.note_primary(position, asked_at)
        await asyncio.sleep(PROBE_EVERY_S)


@asynccontextmanager
async def open_replicas(
    settings: Settings, lines: ServerLines, log: BoundLogger, *, report_s: float
) -> AsyncIterator[Replicas | None]:
    """The replicas while the block runs, which are probed meanwhile; None without DATABASE_READ_URL.

    `lines` are those of the service's pool. A report may take up to `report_s`.
    """
    url = settings.database_read_url
    if url is None:
        yield None
        return
    pools: list[asyncpg.Pool[asyncpg.Record]] = []

    async def database(address: tuple[str, int], name: str, wait_s: float = CONNECT_WAIT_S, **options: Any) -> Database:
        pool = await asyncpg.create_pool(**_options(settings, url, address, name, **options))
        pools.append(pool)
        # Without a wait for a cancelled statement: a server that hangs would not end it.
        return Database(pool, wait_s=wait_s, behind_pgbouncer=True, in_metrics=False)

    async with open_primary_positions(settings, lines) as positions:
        replicas = Replicas(positions, [], max_lag_s=settings.read_max_lag_s, log=log)
        probes = []
        for address in hosts_of(url):
            reads = await database(address, "reads", max_size=settings.pool_size, command_timeout=READ_WAIT_S)
            reports = await database(
                address,
                "reports",
                settings.pool_wait_s,
                max_size=settings.reports_concurrency,
                command_timeout=report_s + COMMAND_MARGIN_S,
            )
            replica = Replica(":".join(map(str, address)), reads, reports)
            replicas.replicas.append(replica)
            probe = await database(address, "probes", max_size=1, command_timeout=PROBE_WAIT_S)
            probes.append(Probe(replicas, replica, probe))
        tasks = [asyncio.create_task(_probe_primary(replicas))]
        tasks += [asyncio.create_task(probe.repeat()) for probe in probes]
        try:
            yield replicas
        finally:
            await cancel_and_wait(tasks)
            for pool in pools:
                pool.terminate()


def _options(settings: Settings, url: str, address: tuple[str, int], name: str, **more: Any) -> dict[str, Any]:
    """Those of the service's pool, for one host of DATABASE_READ_URL; it connects when it is used first."""
    options = pool_options(settings)
    of_session = {"application_name": f"reservation {name}"} | ({} if settings.pgbouncer else READ_ONLY)
    return options | {
        "dsn": url,
        "host": address[0],
        "port": address[1],
        "connect": asyncpg.connect,  # to this host alone
        "min_size": 0,  # the service starts without a replica
        "timeout": CONNECT_WAIT_S,
        "server_settings": options["server_settings"] | of_session,
        **more,
    }
