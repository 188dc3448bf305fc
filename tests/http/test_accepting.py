"""Connections that come at once are accepted at once, not one in each round of the event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from aiohttp import web

from reservation.http.accepting import MOST_A_ROUND, AcceptingSite
from tests.api import Api

CLIENTS = 40
MOST_ROUNDS = 12  # a few, whatever the order of callbacks in a round
assert MOST_ROUNDS < CLIENTS < MOST_A_ROUND


@pytest.fixture
async def listening(api: Api) -> AsyncIterator[tuple[AcceptingSite, web.Server, socket.socket]]:
    """Another site of a running service."""
    runner = api.client.server.runner
    assert isinstance(runner, web.AppRunner)
    assert isinstance(runner.server, web.Server)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(CLIENTS)
        yield AcceptingSite(runner, sock, backlog=CLIENTS), runner.server, sock


async def test_many_connections_are_accepted_in_few_rounds(
    listening: tuple[AcceptingSite, web.Server, socket.socket],
) -> None:
    site, server, sock = listening
    with ExitStack() as stack:
        for _ in range(CLIENTS):  # the kernel completes them without the service
            stack.enter_context(socket.create_connection(sock.getsockname()))
        before, rounds = len(server.connections), 0

        await site.start()
        while len(server.connections) < before + CLIENTS:
            rounds += 1
            await asyncio.sleep(0)

        assert rounds <= MOST_ROUNDS
        await site.stop()


async def test_a_site_that_has_stopped_accepts_nothing_and_keeps_its_connections(
    listening: tuple[AcceptingSite, web.Server, socket.socket],
) -> None:
    site, _, sock = listening
    await site.start()
    address = sock.getsockname()
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")

    await site.stop()

    writer.write(b"GET /health HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).count(b"HTTP/1.1 200") == 1
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)
    writer.close()
