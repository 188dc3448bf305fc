"""A client that is still sending when the service ends the connection gets the answer, not a reset."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from reservation.http import connections, lingering_close
from tests.api import Api
from tests.conftest import StartApi
from tests.http.test_connections import HOST, MALFORMED, check_problem
from tests.http.test_responses import Wire, connected

LATER = b"a" * (4 << 20)  # more than the sockets hold on both sides
LOGIN = b"POST /auth/login HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
MALFORMED_REQUEST = b"BREW /movies HTTP/1.1\r\n" + HOST + b"\r\n"
SECONDS = 60.0  # none of these tests waits for a time


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine, the service reads until the client has sent all."""
    monkeypatch.setattr(lingering_close, "LINGER_S", SECONDS)
    monkeypatch.setattr(connections, "REFUSED_S", SECONDS)


async def send_more(wire: Wire) -> None:
    """Send until all is taken, which fails after a reset."""
    wire.writer.write(LATER)
    await wire.writer.drain()


async def send_until_reset(wire: Wire) -> None:
    async with asyncio.timeout(20):
        while True:
            await send_more(wire)


async def test_an_answer_to_a_malformed_request_reaches_a_client_that_sends_more(api: Api) -> None:
    async with connected(api.client.server) as wire:
        wire.writer.write(MALFORMED_REQUEST)
        await send_more(wire)
        check_problem(await wire.read(), *MALFORMED)
        assert await wire.rest() == b""
        await send_more(wire)


async def test_an_answer_to_a_malformed_body_reaches_a_client_that_sends_more(api: Api) -> None:
    async with connected(api.client.server) as wire:
        wire.writer.write(LOGIN + b"Transfer-Encoding: chunked\r\n\r\n")
        await handled(api)
        wire.writer.write(b"zz\r\n")
        await send_more(wire)
        check_problem(await wire.read(), *MALFORMED)
        assert await wire.rest() == b""


async def test_an_answer_to_a_late_body_reaches_a_client_that_sends_more(start_api: StartApi) -> None:
    api = await start_api(BODY_SECONDS="1")
    async with connected(api.client.server) as wire:
        wire.writer.write(LOGIN + b"Content-Length: 1000\r\n\r\n")
        check_problem(await wire.read(), 408, "request_timeout")
        await send_more(wire)
        assert await wire.rest() == b""


async def test_the_refusal_of_a_connection_reaches_a_client_that_sends_more(start_api: StartApi) -> None:
    api = await start_api(CONNECTIONS_PER_ADDRESS="1")
    async with connected(api.client.server) as first, connected(api.client.server) as second:
        assert (await first.ask("GET", "/health")).status == 200
        second.send("POST", "/auth/login", f"Content-Length: {len(LATER)}")
        await send_more(second)
        answer = await second.read()
        assert (answer.status, b'"too_many_requests"' in answer.body) == (429, True)
        assert await second.rest() == b""


async def test_a_client_that_neither_reads_nor_ends_is_closed_after_some_time(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lingering_close, "LINGER_S", 0.05)
    server: Any = api.client.server
    async with connected(api.client.server) as wire:
        wire.writer.write(MALFORMED_REQUEST)
        async with asyncio.timeout(20):
            while server.runner.server.connections:
                await asyncio.sleep(0.01)


async def test_a_service_that_stops_does_not_wait_for_clients_that_send_more(api: Api) -> None:
    async with connected(api.client.server) as wire:
        wire.writer.write(MALFORMED_REQUEST)
        check_problem(await wire.read(), *MALFORMED)
        await api.client.close()
        with pytest.raises(ConnectionError):
            await send_until_reset(wire)


class Answering(asyncio.Protocol):
    """Answers the first bytes that come, and ends the connection."""

    has_answered = False

    def __init__(self, lost: asyncio.Event) -> None:
        self._lost = lost

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, _: bytes) -> None:
        if not self.has_answered:
            self.has_answered = True
            self.transport.write(b"answer")
            lingering_close.close_lingering(self.transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._lost.set()


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_both_event_loops_read_on_after_the_end_of_their_own_side(
    make_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    def send_and_read(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address) as client:
            client.sendall(LATER)
            client.sendall(LATER)
            return client.recv(100) + client.recv(100)

    async def run() -> bytes:
        lost = asyncio.Event()
        server = await asyncio.get_running_loop().create_server(lambda: Answering(lost), "127.0.0.1", 0)
        async with server:
            answer = await asyncio.to_thread(send_and_read, server.sockets[0].getsockname())
            async with asyncio.timeout(20):
                await lost.wait()
        return answer

    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert runner.run(run()) == b"answer"


async def handled(api: Api) -> None:
    """Wait until a request is being handled."""
    server: Any = api.client.server
    async with asyncio.timeout(20):
        while not any(connection._current_request is not None for connection in server.runner.server.connections):
            await asyncio.sleep(0)
