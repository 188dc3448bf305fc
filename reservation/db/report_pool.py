"""The connections of reports: few, apart from those of bookings, and to a read replica where there is one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from ..settings import Settings
from .pool import Database
from .pool_options import COMMAND_MARGIN_S, pool_options


@asynccontextmanager
async def report_database(settings: Settings, *, connections: int, timeout_s: float) -> AsyncIterator[Database]:
    """A pool for reports of up to `timeout_s`, of DATABASE_READ_URL, or else of DATABASE_URL.

    It connects when the first report needs it, so that the service starts without a replica, and closes what is idle.
    """
    options = pool_options(settings)
    options |= {
        "dsn": settings.database_read_url or settings.database_url,
        "min_size": 0,
        "max_size": connections,
        "command_timeout": timeout_s + COMMAND_MARGIN_S,
        "server_settings": options["server_settings"] | {"application_name": "reservation reports"},
    }
    pool = await asyncpg.create_pool(**options)
    try:
        yield Database(pool, wait_s=settings.pool_wait_s, behind_pgbouncer=settings.pgbouncer, in_metrics=False)
    finally:
        pool.terminate()  # a report that still runs has lost its client
