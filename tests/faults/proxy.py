"""A TCP proxy between the service and a store, which can be cut, also at the worst moment, slowed and stalled."""

import asyncio
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from tests.ports import free_port


class Proxy:
    """Passes bytes on until it is cut; `lose_answers` keeps the store's answers back and then cuts.

    `delay_s` is waited before each piece of data is passed on, in both directions.
    """

    def __init__(self, target_url: str) -> None:
        self._target = urlsplit(target_url)
        self._server: asyncio.Server | None = None
        self._port = free_port()  # none that the kernel gives to others while this is cut
        self._connections: set[asyncio.Task[None]] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self.lose_answers = False
        self.delay_s = 0.0

    @property
    def url(self) -> str:
        """The store's URL, by way of the proxy."""
        credentials = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{credentials}@127.0.0.1:{self._port}"))

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def open(self) -> None:
        """Let connections in; a second time at the same address."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    def aim(self, target_url: str) -> None:
        """Lead to another server from the next connection on; the credentials must be the same."""
        self._target = urlsplit(target_url)

    async def cut(self) -> None:
        """End every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
        await self.reset()

    def stall(self) -> None:
        """Pass nothing on, as a network that loses every packet; connections stay open and new ones are accepted."""
        self._passes.clear()

    def flow(self) -> None:
        """Pass everything on again, also what came meanwhile."""
        self._passes.set()

    async def reset(self) -> None:
        """End every connection; new ones are let in."""
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._connect(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        connection.add_done_callback(lambda _: writer.transport.abort())  # also if it ends before it has begun

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            return  # the store does not run
        try:
            with suppress(ConnectionError):
                await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer, answers=True))
        finally:
            for end in (writer, back):
                end.transport.abort()
                with suppress(ConnectionError, asyncio.CancelledError):
                    await end.wait_closed()

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        while data := await source.read(65536):
            if answers and self.lose_answers:
                break
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._passes.wait()
            sink.write(data)
            await sink.drain()
        raise ConnectionResetError  # whichever end goes first, the other follows
