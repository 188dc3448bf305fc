"""A pool of one connection for a command, with the options of the service's pool."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from ..settings import Settings
from .pool import Connection, Database
from .pool_options import pool_options


@asynccontextmanager
async def command_connection(settings: Settings) -> AsyncIterator[Connection]:
    """A connection on which every statement commits by itself; raises as `Database.connection` does."""
    options = pool_options(settings) | {"min_size": 1, "max_size": 1}
    async with (
        asyncpg.create_pool(**options) as pool,
        Database(pool, wait_s=settings.pool_wait_s).connection() as conn,
    ):
        yield conn
