"""The connections of reports: few, and apart from those of bookings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from ..settings import Settings
from .failover.server_lines import ServerLines
from .pool import Database
from .pool_options import COMMAND_MARGIN_S, pool_options


@asynccontextmanager
async def report_database(settings: Settings, *, connections: int, timeout_s: float) -> AsyncIterator[Database]:
    """The database of `report_pool`, while the block runs: that of DATABASE_READ_URL, or else of DATABASE_URL."""
    url = settings.database_read_url or settings.database_url
    pool = await report_pool(settings, url=url, connections=connections, timeout_s=timeout_s)
    try:
        yield database_of(pool, settings)
    finally:
        pool.terminate()  # a report that still runs has lost its client


async def report_pool(
    settings: Settings, *, url: str | None, connections: int, timeout_s: float, lines: ServerLines | None = None
) -> "asyncpg.Pool[asyncpg.Record]":
    """A pool for reports of up to `timeout_s`; it connects when the first report needs it, and closes what is idle.

    `lines` are those of the service's own Database, by which connections are replaced after a fail-over.
    """
    options = pool_options(settings, lines)
    options |= {
        "dsn": url,
        "min_size": 0,
        "max_size": connections,
        "command_timeout": timeout_s + COMMAND_MARGIN_S,
        "server_settings": options["server_settings"] | {"application_name": "reservation reports"},
    }
    return await asyncpg.create_pool(**options)


def database_of(pool: "asyncpg.Pool[asyncpg.Record]", settings: Settings, lines: ServerLines | None = None) -> Database:
    """The database of such a pool, with the same `lines`."""
    return Database(
        pool, wait_s=settings.pool_wait_s, behind_pgbouncer=settings.pgbouncer, in_metrics=False, lines=lines
    )
