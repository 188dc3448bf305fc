"""Bodies that come late, that are large, and that are too many at a time: each is refused in time, and costs little."""

import asyncio
import gzip
import io
import json
from contextlib import AsyncExitStack

import pytest

from reservation.http.app_keys import BODY_BUDGET
from reservation.http.handlers.payments import MAX_EVENT_BYTES
from reservation.http.input.bodies import SMALL_BYTES
from reservation.http.input.body_budget import FREE_BYTES
from tests.api import Api
from tests.conftest import StartApi
from tests.http.test_connections import check_problem
from tests.http.test_responses import Wire, connected
from tests.payments.stripe_account import settings_for

JSON = "Content-Type: application/json"
LOGIN = ("POST", "/auth/login", JSON)
RIGHT = json.dumps({"email": "a@example.com", "password": "x"}).encode()
TOO_LARGE = (413, "payload_too_large")
MIB = 1 << 20


def left(api: Api) -> int:
    assert api.client.app is not None
    return api.client.app[BODY_BUDGET].left_bytes


@pytest.mark.parametrize("begin", [b"", RIGHT[:5]], ids=["nothing", "a part"])
@pytest.mark.parametrize("length", ["Content-Length: 100", "Transfer-Encoding: chunked"])
async def test_a_body_that_does_not_come_in_time_is_408_and_ends_the_connection(
    start_api: StartApi, begin: bytes, length: str
) -> None:
    api = await start_api(BODY_SECONDS="1")
    async with connected(api.client.server) as wire:
        wire.send(*LOGIN, length)
        if begin:
            wire.writer.write(b"%x\r\n%b\r\n" % (len(begin), begin) if "chunked" in length else begin)
        answer = await wire.read()
        check_problem(answer, 408, "request_timeout")
        assert answer.headers["connection"] == "close"
        assert await wire.rest() == b""
    assert left(api) == left(await start_api())


async def test_a_body_that_comes_in_pieces_within_its_time_is_read(api: Api) -> None:
    async with connected(api.client.server) as wire:
        wire.send(*LOGIN, f"Content-Length: {len(RIGHT)}")
        for byte in RIGHT:
            wire.writer.write(bytes((byte,)))
            await asyncio.sleep(0)
        check_problem(await wire.read(), 401, "invalid_credentials")


async def test_small_operations_take_small_bodies_and_imports_large_ones(api: Api) -> None:
    admin = await api.admin()
    for size, expected in ((SMALL_BYTES, (401, "invalid_credentials")), (SMALL_BYTES + 1, TOO_LARGE)):
        for body, coding in ((RIGHT.ljust(size), {}), (gzip.compress(RIGHT.ljust(size)), {"Content-Encoding": "gzip"})):
            headers = {"Content-Type": "application/json", **coding}
            answer = await api.call("POST", "/auth/login", data=body, headers=headers)
            assert (answer.status, answer.code) == expected
    headers = {"Content-Type": "application/json"}
    for path in ("/admin/movies", "/admin/showtimes/batch"):
        large = await api.call("POST", path, who=admin, data=b" " * (SMALL_BYTES + 1) + b"{}", headers=headers)
        assert (large.status, large.code) == (422, "validation_error")
        larger = await api.call("POST", path, who=admin, data=io.BytesIO(b" " * MIB + b"{}"), headers=headers)
        assert (larger.status, larger.code) == TOO_LARGE


@pytest.mark.parametrize("path", ["/auth/login", "/auth/signup", "/admin/showtimes/batch"])
async def test_a_body_declared_with_a_gigabyte_is_refused_before_a_byte_of_it_has_come(api: Api, path: str) -> None:
    admin = await api.admin()
    async with connected(api.client.server) as wire:
        wire.send("POST", path, JSON, f"Content-Length: {1 << 30}", f"Authorization: Bearer {admin.access_token}")
        check_problem(await wire.read(), *TOO_LARGE)


async def test_a_client_that_asks_first_is_not_told_to_send_a_gigabyte(api: Api) -> None:
    async with connected(api.client.server) as wire:
        wire.send(*LOGIN, f"Content-Length: {1 << 30}", "Expect: 100-continue")
        check_problem(await wire.read(), *TOO_LARGE)


async def test_bodies_beyond_the_budget_are_503_until_others_have_come(start_api: StartApi) -> None:
    """Of administrators, whose bodies may be large; what is counted is what has come."""
    api = await start_api(BODY_BUFFER_BYTES=str(MIB))
    admin = await api.admin()
    size = MIB * 2 // 5
    head = ("POST", "/admin/movies", JSON, f"Authorization: Bearer {admin.access_token}", f"Content-Length: {size}")
    whole = left(api)
    async with AsyncExitStack() as stack:
        slow: list[Wire] = [await stack.enter_async_context(connected(api.client.server)) for _ in range(2)]
        for wire in slow:
            wire.send(*head)
            wire.writer.write(b" " * (size - 1))
        await until_left(api, whole - 2 * (size - 1 - FREE_BYTES))
        async with connected(api.client.server) as wire:
            wire.send(*head)
            wire.writer.write(b" " * (size - 1))
            refused = await wire.read()
            check_problem(refused, 503, "overloaded")
            assert int(refused.headers["retry-after"]) >= 1
        async with connected(api.client.server) as wire:  # what has come whole needs none of the budget
            check_problem(await wire.ask(*LOGIN, body=RIGHT), 401, "invalid_credentials")
        slow[0].writer.write(b" ")
        check_problem(await slow[0].read(), 400, "invalid_json")
        slow[1].writer.transport.abort()
        await until_left(api, whole)


async def test_declared_sizes_and_small_bodies_take_none_of_the_budget(start_api: StartApi) -> None:
    """Declared by anonymous clients, on the operation that takes large bodies of them; and all of it is used up."""
    stripe = settings_for("http://127.0.0.1:9", public_url="http://localhost:8000")
    api = await start_api(BODY_BUFFER_BYTES=str(4 * MAX_EVENT_BYTES), **stripe)
    whole = left(api)
    head = ("POST", "/payments/stripe/webhook", JSON, f"Content-Length: {MAX_EVENT_BYTES}")
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(connected(api.client.server)) for _ in range(4)]
        for wire in wires:
            wire.send(*head)
        await check_late_login(api)
        assert left(api) == whole
        for wire in wires[:2]:
            wire.writer.write(b" " * (MAX_EVENT_BYTES // 2))
        await until_left(api, whole - 2 * (MAX_EVENT_BYTES // 2 - FREE_BYTES))
        await check_late_login(api)


async def check_late_login(api: Api) -> None:
    """A small body that comes after its head is read."""
    async with connected(api.client.server) as wire:
        wire.send(*LOGIN, f"Content-Length: {len(RIGHT)}")
        await wire.writer.drain()
        await (await api.client.get("/health")).read()  # so the head is read alone
        wire.writer.write(RIGHT)
        check_problem(await wire.read(), 401, "invalid_credentials")


async def until_left(api: Api, size: int) -> None:
    async with asyncio.timeout(20):
        while left(api) != size:
            await asyncio.sleep(0.01)
