"""Which of the servers of a URL a connection goes to: the first that answers and meets target_session_attrs.

A primary that stands still, or whose network loses all packets, may accept a connection and never answer. So the hosts
are tried one after another, each for HOST_WAIT_S at most, and the next one is begun NEXT_HOST_S later already. The host
that was used last is tried first. An old primary of before a fail-over, which may still take writes, is passed.
"""

import asyncio
from typing import Any, TypeAlias

import asyncpg

from ..psycopg_connections import parameters_of
from ..repository import ops
from .server_lines import ServerLines

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Host: TypeAlias = tuple[str, int]

HOST_WAIT_S = 2.0
NEXT_HOST_S = 0.2
MAX_ABANDONED = 20


class ServerChoice:
    """Opens connections; with `lines`, none to a primary of before a fail-over."""

    def __init__(self, lines: ServerLines | None = None) -> None:
        self._lines = lines
        self._last: Host | None = None  # the host that was used last
        # Connections that are still being opened although their callers were cancelled; each is closed when it is open.
        self.abandoned: set[asyncio.Task[_Connection]] = set()

    async def connect(self, dsn: str, **options: Any) -> _Connection:
        """Connect as asyncpg.connect does; raises its errors, and OldPrimary."""
        hosts = hosts_of(dsn)
        return await (self._first_of(hosts, dsn, options) if len(hosts) > 1 else self._open(dsn, options))

    async def _open(self, dsn: str, options: dict[str, Any]) -> _Connection:
        """Open a connection; after a cancel it is opened nonetheless, and closed.

        asyncpg, cancelled before PostgreSQL has accepted TLS, leaves an exception that nothing retrieves, which asyncio
        logs as an error.
        """
        opening = asyncio.create_task(self._open_whole(dsn, options))
        try:
            await asyncio.wait([opening])
        except asyncio.CancelledError:
            self.abandoned.add(opening)
            opening.add_done_callback(self.abandoned.discard)
            opening.add_done_callback(_terminate)
            if len(self.abandoned) > MAX_ABANDONED:  # each is a connection beyond the pool's
                opening.cancel()
            raise
        return opening.result()

    async def _open_whole(self, dsn: str, options: dict[str, Any]) -> _Connection:
        connection: _Connection = await asyncpg.connect(dsn, **options)
        if self._lines is not None:
            try:
                line = await ops.server_line(connection)
                if line.timeline:
                    await self._lines.note(line)
            except BaseException:
                connection.terminate()
                raise
        return connection

    async def _first_of(self, hosts: list[Host], dsn: str, options: dict[str, Any]) -> _Connection:
        hosts.sort(key=lambda host: host != self._last)
        options["timeout"] = min(options.get("timeout") or HOST_WAIT_S, HOST_WAIT_S)
        connecting = {
            asyncio.create_task(
                self._open_after(number * NEXT_HOST_S, dsn, options | {"host": host[0], "port": host[1]})
            ): host
            for number, host in enumerate(hosts)
        }
        try:
            chosen = await _first_success([*connecting])
            await _close([task for task in connecting if task is not chosen])
        except BaseException:  # also a cancel during that: then the chosen one is not returned
            await _close([*connecting])
            raise
        self._last = connecting[chosen]
        return chosen.result()

    async def _open_after(self, delay_s: float, dsn: str, options: dict[str, Any]) -> _Connection:
        await asyncio.sleep(delay_s)
        return await self._open(dsn, options)


async def _first_success(tasks: list["asyncio.Task[_Connection]"]) -> "asyncio.Task[_Connection]":
    """The first task that succeeds; raises the error that says most if none does."""
    pending = {*tasks}
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task in done and task.exception() is None:
                return task
    errors = [error for task in tasks if (error := task.exception()) is not None]
    raise next((error for error in errors if isinstance(error, asyncpg.PostgresError)), errors[0])


def _terminate(opened: "asyncio.Task[_Connection]") -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result().terminate()


async def _close(tasks: list["asyncio.Task[_Connection]"]) -> None:
    for task in tasks:
        task.cancel()
    for connection in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(connection, BaseException):
            connection.terminate()


def hosts_of(dsn: str) -> list[Host]:
    """The hosts and ports of a URL; a socket's folder counts as a host."""
    parameters = parameters_of(dsn)
    hosts = str(parameters.get("host", "localhost")).split(",")
    ports = str(parameters.get("port", "")).split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    return [(host, int(port or 5432)) for host, port in zip(hosts, ports, strict=True)]
