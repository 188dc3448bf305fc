"""Accepts connections as fast as they come.

libuv accepts one connection in each round of the event loop. Under load a round takes 20 ms and more, so a client that
connects would wait for seconds, in a queue that nothing bounds and from which no request can be refused.
"""

import asyncio
import socket
from typing import Any, cast

import structlog
from aiohttp import web

MOST_A_ROUND = 64
PAUSE_S = 0.1  # after accept has failed, for want of file descriptors mostly


class AcceptingSite(web.BaseSite):
    """A listening socket, on which each round of the event loop accepts up to MOST_A_ROUND connections."""

    def __init__(self, runner: web.AppRunner, sock: socket.socket, *, backlog: int) -> None:
        super().__init__(runner, backlog=backlog)
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[Any]] = set()
        self._resuming: asyncio.TimerHandle | None = None
        self._log = structlog.stdlib.get_logger("reservation.connections")

    @property
    def name(self) -> str:
        """The address, for messages."""
        host, port = self._sock.getsockname()[:2]
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Begin to accept."""
        await super().start()
        self._sock.setblocking(False)
        self._sock.listen(self._backlog)
        self._loop.add_reader(self._sock, self._accept)

    async def stop(self) -> None:
        """Accept nothing more; connections that are open stay."""
        self._loop.remove_reader(self._sock)
        if self._resuming is not None:
            self._resuming.cancel()
        if self._opening:
            await asyncio.wait(self._opening)
        await super().stop()
        self._sock.close()

    def _accept(self) -> None:
        server = cast("web.Server", self._runner.server)
        for _ in range(MOST_A_ROUND):
            try:
                connection, _ = self._sock.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._pause(error)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._open(server, connection))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, server: web.Server, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(server, connection)
        except OSError:  # the client has disconnected
            connection.close()

    def _pause(self, error: OSError) -> None:
        """Leave what waits in the backlog there for a moment: to be called again at once would take all CPU time."""
        self._log.error("accept_failed", error=str(error))
        self._loop.remove_reader(self._sock)
        self._resuming = self._loop.call_later(PAUSE_S, self._loop.add_reader, self._sock, self._accept)
