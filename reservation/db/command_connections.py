"""Connections of commands: one with the options of the service's pool, or one with server settings of its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg

from ..settings import Settings
from .failover.server_choice import ServerChoice
from .failover.server_lines import ServerLines
from .pool import Connection, Database
from .pool_options import pool_options


@asynccontextmanager
async def command_database(settings: Settings, **server_settings: str) -> AsyncIterator[Database]:
    """A pool of one connection, with the options of the service's pool and these server settings."""
    lines = ServerLines()
    options = pool_options(settings, lines)
    options |= {"min_size": 1, "max_size": 1, "server_settings": options["server_settings"] | server_settings}
    async with asyncpg.create_pool(**options) as pool:
        yield Database(pool, wait_s=settings.pool_wait_s, lines=lines)


@asynccontextmanager
async def tool_connection(database_url: str | None, server_settings: Mapping[str, str]) -> AsyncIterator[Connection]:
    """A connection with these server settings and without limits on the client's side; asyncpg's errors."""
    connection = await ServerChoice().connect(database_url or "", server_settings=dict(server_settings))
    try:
        yield connection
    finally:
        await connection.close()
