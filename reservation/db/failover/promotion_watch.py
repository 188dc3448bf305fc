"""Watches the servers of DATABASE_URL: one of them may be promoted while the old primary goes on taking writes.

Patroni may stand still, or be unable to reach the old primary, whose connections then work as before. So each worker
keeps a connection to each server, and reads its timeline. With one host in DATABASE_URL there is nothing to watch.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from ...runtime.cancellation import cancel_and_wait, is_cancel_requested
from ...settings import Settings
from ..postgresql_errors import DRIVER_ERRORS
from ..repository import ops
from .server_choice import HOST_WAIT_S, Host, hosts_of
from .server_lines import ServerLines

WATCH_EVERY_S = 2.0


@asynccontextmanager
async def watched_servers(settings: Settings, lines: ServerLines) -> AsyncIterator[None]:
    """Tell `lines` of each primary among the servers, every WATCH_EVERY_S seconds during the block."""
    url = settings.database_url or ""
    hosts = [] if settings.pgbouncer else hosts_of(url)
    tasks = [asyncio.create_task(_watch(url, host, lines)) for host in hosts if len(hosts) > 1]
    try:
        yield
    finally:
        await cancel_and_wait(tasks)


async def _watch(url: str, host: Host, lines: ServerLines) -> None:
    while not is_cancel_requested():
        with suppress(*DRIVER_ERRORS, TimeoutError):  # it is looked at again
            await _watch_connected(url, host, lines)
        await asyncio.sleep(WATCH_EVERY_S)


async def _watch_connected(url: str, host: Host, lines: ServerLines) -> None:
    """Until an error, among them OldPrimary."""
    options: dict[str, Any] = {
        "host": host[0],
        "port": host[1],
        "target_session_attrs": "any",  # a standby may be promoted
        "timeout": HOST_WAIT_S,
        "command_timeout": HOST_WAIT_S,
        "server_settings": {"application_name": "reservation watch"},
    }
    connection = await asyncpg.connect(url, **options)
    try:
        while not is_cancel_requested():
            line = await ops.server_line(connection)
            if line.timeline:
                await lines.note(line)
            await asyncio.sleep(WATCH_EVERY_S)
    finally:
        connection.terminate()
