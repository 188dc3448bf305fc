"""Where the primary's WAL ends, asked on a connection of its own: once for all who ask at the same time."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from ...runtime.batching import Batcher
from ...settings import Settings
from ..failover.server_lines import ServerLines
from ..pool import Database
from ..pool_options import pool_options
from ..repository.wal_positions import WalPosition, primary_position

ASK_WAIT_S = 1.0  # for a connection, and for the answer


class PrimaryPositions:
    """The positions of a primary; `database` has one connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._batches: Batcher[None, WalPosition] = Batcher(self._ask, max_batch=10_000, name="wal_position")

    async def now(self) -> WalPosition:
        """A position that was read after this call began: all that was committed before is before it.

        Raises Unavailable.
        """
        return await self._batches.submit(None)

    async def _ask(self, asking: Sequence[None]) -> Sequence[WalPosition]:
        async with self._database.connection() as conn:
            position = await primary_position(conn)
        return [position] * len(asking)


@asynccontextmanager
async def open_primary_positions(settings: Settings, lines: ServerLines) -> AsyncIterator[PrimaryPositions]:
    """The positions of the primary of DATABASE_URL while the block runs; `lines` are those of the service's pool."""
    options = pool_options(settings, lines)
    options |= {
        "min_size": 0,
        "max_size": 1,
        "command_timeout": ASK_WAIT_S,
        "timeout": ASK_WAIT_S,
        "server_settings": options["server_settings"] | {"application_name": "reservation probes"},
    }
    pool = await asyncpg.create_pool(**options)
    database = Database(pool, wait_s=2 * ASK_WAIT_S, behind_pgbouncer=settings.pgbouncer, in_metrics=False, lines=lines)
    try:
        yield PrimaryPositions(database)
    finally:
        pool.terminate()
