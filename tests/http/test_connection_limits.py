"""Connections beyond what one address may have are 429 and closed; those of trusted proxies do not count."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from reservation.http import connection_limits, connections
from tests.api import Api
from tests.conftest import StartApi
from tests.figures import figures
from tests.http.test_responses import Read, Wire, connected

REFUSED = 'reservation_connections_refused_total{reason="address"}'


async def health(wire: Wire) -> Read:
    return await wire.ask("GET", "/health")


async def test_an_address_has_only_so_many_connections(start_api: StartApi) -> None:
    api = await start_api(CONNECTIONS_PER_ADDRESS="3")
    before = (await figures(api)).get(REFUSED, 0)
    async with AsyncExitStack() as stack:
        # The client of `figures` keeps one.
        wires = [await stack.enter_async_context(connected(api.client.server)) for _ in range(2)]
        assert [(await health(wire)).status for wire in wires] == [200, 200]
        async with connected(api.client.server) as one_more:
            refused = await health(one_more)
            assert refused.status == 429
            assert refused.headers["content-type"] == "application/problem+json"
            assert b'"too_many_requests"' in refused.body
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.headers["connection"] == "close"
            assert await one_more.rest() == b""
        assert [(await health(wire)).status for wire in wires] == [200, 200]
        wires[0].writer.close()
        assert await wires[0].rest() == b""
        async with asyncio.timeout(20):
            while (await _once(api)).status != 200:
                await asyncio.sleep(0.01)
    assert (await figures(api))[REFUSED] > before


async def test_a_refused_connection_that_sends_nothing_is_closed(start_api: StartApi) -> None:
    api = await start_api(CONNECTIONS_PER_ADDRESS="1")
    async with connected(api.client.server) as wire, connected(api.client.server) as silent:
        assert (await health(wire)).status == 200
        assert await silent.rest() == b""


async def test_so_many_connections_wait_for_their_refusal_and_more_are_closed_at_once(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever time a refused connection has: otherwise a flood of them would take all file descriptors."""
    monkeypatch.setattr(connections, "REFUSED_S", 60.0)
    monkeypatch.setattr(connection_limits, "MOST_REFUSED", 3)
    api = await start_api(CONNECTIONS_PER_ADDRESS="1")
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(connected(api.client.server))
        assert (await health(wire)).status == 200
        for _ in range(2):  # the first three have made room
            refused = [await stack.enter_async_context(connected(api.client.server)) for _ in range(3)]
            for _ in range(4):
                assert await (await stack.enter_async_context(connected(api.client.server))).rest() == b""
            assert [(await health(each)).status for each in refused] == [429] * 3
            assert [await each.rest() for each in refused] == [b""] * 3
            for each in refused:
                each.writer.close()
            await ended(api)
        assert (await health(wire)).status == 200


async def ended(api: Api) -> None:
    """Wait until no connection is being refused."""
    server: Any = api.client.server
    async with asyncio.timeout(20):
        while server.runner.server.limits._refused:
            await asyncio.sleep(0.01)


async def test_connections_of_a_trusted_proxy_are_not_counted(start_api: StartApi) -> None:
    api = await start_api(CONNECTIONS_PER_ADDRESS="1", TRUSTED_PROXIES="127.0.0.0/8, ::1")
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(connected(api.client.server)) for _ in range(4)]
        assert [(await health(wire)).status for wire in wires] == [200] * 4


async def _once(api: Api) -> Read:
    async with connected(api.client.server) as wire:
        return await health(wire)
