"""Heads of requests that come slowly: they have BODY_SECONDS from their first byte on, however many bytes follow."""

import asyncio
import io
from contextlib import AsyncExitStack
from typing import Any

import pytest

from reservation.http import middleware
from reservation.http.app_keys import LOAD_SHEDDING
from tests.api import Api
from tests.conftest import StartApi
from tests.http.test_connections import check_problem, counted
from tests.http.test_request_records import requests_in
from tests.http.test_responses import Read, Wire, connected

BEGUN = b"GET /health HTTP/1.1\r\nHost: test\r\nX-Slow: "
KEPT_S = 3.0  # how long a connection may be idle, in the test of that
IN_TIME = "3"  # BODY_SECONDS, where a head is to come within them, however busy the machine is
TIMEOUT = (408, "request_timeout")


@pytest.fixture
async def hasty(start_api: StartApi) -> Api:
    """A service that waits one second for a head."""
    return await start_api(BODY_SECONDS="1")


async def answer_to_drops(wire: Wire) -> Read:
    """The answer to a header that comes byte by byte and never ends; read() gives up after some time."""
    answer = asyncio.create_task(wire.read())
    while not answer.done():
        wire.writer.write(b"a")
        await asyncio.wait([answer], timeout=0.02)
    return answer.result()


@pytest.mark.parametrize("before", [0, 2])
async def test_a_head_that_comes_byte_by_byte_is_408_and_ends_the_connection(hasty: Api, before: int) -> None:
    async with connected(hasty.client.server) as wire:
        for _ in range(before):
            assert (await wire.ask("GET", "/health")).status == 200
        wire.writer.write(BEGUN)
        answer = await answer_to_drops(wire)
        problem = check_problem(answer, *TIMEOUT)
        assert problem["detail"] == "The head of the request did not come within 1 s."
        assert answer.headers["connection"] == "close"
        assert await wire.rest() == b""


async def test_a_head_of_which_one_byte_came_is_408(hasty: Api) -> None:
    async with connected(hasty.client.server) as wire:
        wire.writer.write(b"G")
        check_problem(await wire.read(), *TIMEOUT)
        assert await wire.rest() == b""


async def test_a_late_head_is_408_and_one_in_time_is_answered_while_requests_are_refused_at_their_arrival(
    start_api: StartApi,
) -> None:
    api = await start_api(BODY_SECONDS=IN_TIME, QUEUE_DELAY_MS="10000")
    app: Any = api.client.app
    shedding = app[LOAD_SHEDDING]
    async with connected(api.client.server) as wire:
        shedding.is_tight = True
        wire.writer.write(BEGUN)
        await has_begun(api, wire)
        shedding.is_tight = True
        wire.writer.write(b"a\r\n\r\n")
        assert (await wire.read()).status == 200
        shedding.is_tight = True
        wire.writer.write(BEGUN)
        check_problem(await wire.read(), *TIMEOUT)


async def test_a_late_head_is_counted_and_logged_like_other_requests(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(middleware, "standard_error", lambda: stderr)
    api = await start_api(BODY_SECONDS="1", ACCESS_LOG="on")
    before = (await counted(api)).get("408", 0)
    async with connected(api.client.server) as wire:
        wire.writer.write(BEGUN)
        problem = check_problem(await wire.read(), *TIMEOUT)
    assert (await counted(api))["408"] == before + 1
    await api.client.close()
    [line] = [line for line in requests_in(stderr.getvalue()) if line["status"] == 408]
    assert (line["method"], line["path"], line["request_id"]) == ("UNKNOWN", "-", problem["request_id"])


async def test_only_the_head_that_is_late_ends_and_not_what_is_idle_or_was_whole_in_time(start_api: StartApi) -> None:
    """The deadlines of the others are over, too, when that of the last one is."""
    api = await start_api(BODY_SECONDS=IN_TIME)
    async with AsyncExitStack() as stack:
        silent, blank, kept, whole, twice, late = [
            await stack.enter_async_context(connected(api.client.server)) for _ in range(6)
        ]
        blank.writer.write(b"\r\n")
        assert (await kept.ask("GET", "/health")).status == 200
        kept.writer.write(b"\r\n")
        for wire in (whole, twice, twice):
            wire.writer.write(BEGUN)
            await has_begun(api, wire)
            wire.writer.write(b"a\r\n\r\n")
            assert (await wire.read()).status == 200
        late.writer.write(BEGUN)

        check_problem(await late.read(), *TIMEOUT)

        for wire in (silent, blank, kept, whole, twice):
            assert (await wire.ask("GET", "/health")).status == 200


async def has_begun(api: Api, wire: Wire) -> None:
    """Wait until the service has a deadline for the next request of a connection."""
    ours = wire.writer.get_extra_info("sockname")[:2]
    server: Any = api.client.server
    while True:
        for connection in server.runner.server.connections:
            if connection.peername[:2] == ours and connection._begun == connection._request_count:
                return
        await asyncio.sleep(0)


async def test_a_second_head_has_a_time_of_its_own(start_api: StartApi) -> None:
    api = await start_api(BODY_SECONDS=IN_TIME)
    async with connected(api.client.server) as wire:
        wire.writer.write(BEGUN)
        await has_begun(api, wire)
        wire.writer.write(b"a\r\n\r\n")
        assert (await wire.read()).status == 200
        wire.writer.write(BEGUN)
        check_problem(await answer_to_drops(wire), *TIMEOUT)


async def test_a_head_has_its_time_also_where_the_connection_was_idle_for_long(start_api: StartApi) -> None:
    """The later connection, which sends nothing, is closed when the idle time of both is over."""
    api = await start_api(BODY_SECONDS="600")
    server: Any = api.client.server
    server.runner.server._kwargs["keepalive_timeout"] = KEPT_S
    async with connected(api.client.server) as begun:
        begun.writer.write(BEGUN)
        await has_begun(api, begun)
        async with connected(api.client.server) as silent:
            assert await silent.rest() == b""
        begun.writer.write(b"a\r\n\r\n")
        assert (await begun.read()).status == 200


async def test_heads_that_come_whole_have_no_deadline_and_ended_connections_leave_none(hasty: Api) -> None:
    server: Any = hasty.client.server
    heads = server.runner.server.heads
    async with connected(hasty.client.server) as wire:
        for _ in range(3):
            assert (await wire.ask("GET", "/health")).status == 200
        assert (heads._due, heads._timer) == ({}, None)
        wire.writer.write(BEGUN)
        await has_begun(hasty, wire)
        assert len(heads._due) == 1
    async with asyncio.timeout(20):
        while heads._due or heads._timer is not None:
            await asyncio.sleep(0.01)
