"""Clients that do not read what they asked for are disconnected; those that read slowly are not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from reservation.http import unread_answers
from tests.api import Api
from tests.conftest import StartApi
from tests.http.test_responses import connections_of

LONGEST_S = 1.0
REQUESTS = 32
ASK = b"GET /openapi.json HTTP/1.1\r\nHost: test\r\n\r\n"
LAST = ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@pytest.fixture
async def impatient(start_api: StartApi, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A service that waits for a client's reading for a second."""
    monkeypatch.setattr(unread_answers, "LONGEST_S", LONGEST_S)
    monkeypatch.setattr(unread_answers, "SWEEP_S", LONGEST_S / 10)
    return await start_api()


@asynccontextmanager
async def asking(api: Api, request: bytes) -> AsyncIterator[socket.socket]:
    """A connection that has asked for much more than the system's buffers take, and has read nothing."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        await loop.sock_connect(sock, (api.client.server.host, api.client.server.port))
        await loop.sock_sendall(sock, request)
        yield sock


async def until_open(api: Api, connections: int) -> None:
    async with asyncio.timeout(30):
        while len(connections_of(api).connections) != connections:
            await asyncio.sleep(0.01)


async def waiting_bytes(api: Api) -> int:
    """What waits for clients, once it is something."""
    async with asyncio.timeout(30):
        while not (waiting := sum(_unsent(api))):
            await asyncio.sleep(0.01)
        return waiting


def _unsent(api: Api) -> list[int]:
    return [one.transport.get_write_buffer_size() for one in connections_of(api).connections if one.transport]


async def test_a_client_that_does_not_read_is_disconnected(impatient: Api) -> None:
    async with asking(impatient, ASK * REQUESTS):
        assert await waiting_bytes(impatient) > 0
        await until_open(impatient, 0)


async def test_a_client_that_does_not_read_the_last_answer_is_disconnected(impatient: Api) -> None:
    """Its connection is closing, so no request and no timer of a request belongs to it."""
    async with asking(impatient, ASK * REQUESTS + LAST):
        assert await waiting_bytes(impatient) > 0
        await until_open(impatient, 0)


async def test_a_client_that_reads_slowly_gets_everything(impatient: Api) -> None:
    """It takes several times as long as a client that does not read may stay."""
    loop = asyncio.get_running_loop()
    async with asking(impatient, ASK * REQUESTS + LAST) as sock:
        assert await waiting_bytes(impatient) > 0
        until, received = loop.time() + 4 * LONGEST_S, bytearray()
        while loop.time() < until:
            received += await loop.sock_recv(sock, 16384)
            await asyncio.sleep(LONGEST_S / 10)
        assert await waiting_bytes(impatient) > 0
        while more := await loop.sock_recv(sock, 65536):
            received += more
        assert received.count(b"HTTP/1.1 200") == REQUESTS + 1
        assert received.endswith(b"}")
