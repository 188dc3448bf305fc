"""Where a request ends is never in doubt: what another server on the way could read otherwise is refused.

Each case is a request with another one behind it, or inside of it (request smuggling). A refused one gets one answer,
400, and the end of the connection: what follows it is not read as a request.
"""

import asyncio

import pytest

from tests.api import Api
from tests.http.test_connections import check_problem
from tests.http.test_responses import connected

LOGIN = b"POST /auth/login HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
BEHIND = b"GET /nowhere/behind HTTP/1.1\r\nHost: test\r\n\r\n"
CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"
WAIT_S = 20.0

REFUSED = {
    "chunked twice in one header": b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKED,
    "chunked twice in two headers": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "a length before chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "a length behind chunks": b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n" + CHUNKED,
    "a length of zero and chunks": b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "chunked that is not the last": b"Transfer-Encoding: chunked, gzip\r\n\r\n" + CHUNKED,
    "identity": b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
    "chunked in quotes": b'Transfer-Encoding: "chunked"\r\n\r\n' + CHUNKED,
    "chunked with a parameter": b"Transfer-Encoding: chunked;q=1\r\n\r\n" + CHUNKED,
    "chunked with a vertical tab": b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKED,
    "chunked with NUL": b"Transfer-Encoding: chunked\0\r\n\r\n" + CHUNKED,
    "a space before the colon": b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKED,
    "a space before the colon of the length": b"Content-Length : 2\r\n\r\n{}",
    "a folded header": b"X-A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
    "a folded transfer encoding": b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKED,
    "a folded length": b"Content-Length: 2\r\n 3\r\n\r\n{}",
    "bare line feeds": b"X-A: b\nTransfer-Encoding: chunked\n\n" + CHUNKED,
    "a bare carriage return": b"X-A: b\rTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": b"Content-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": b"Content-Length: +2\r\n\r\n{}",
    "a hexadecimal length": b"Content-Length: 0x2\r\n\r\n{}",
    "a length with an underscore": b"Content-Length: 1_0\r\n\r\n{}        ",
    "a length in other digits": "Content-Length: \u0662\r\n\r\n{}".encode(),
    "a length of many digits": b"Content-Length: " + b"9" * 400 + b"\r\n\r\n{}",
    "no length": b"Content-Length:\r\n\r\n{}",
    "a chunk of a negative size": b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a chunk size with a prefix": b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk size with an underscore": b"Transfer-Encoding: chunked\r\n\r\n0_2\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than its size": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n",
    "a chunk with a bare line feed": b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "a chunk extension with a line feed": b"Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n",
}

TAKEN = {
    "a length": b"Content-Length: 2\r\n\r\n{}",
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "chunked in capitals": b"Transfer-Encoding: CHUNKED\r\n\r\n" + CHUNKED,
    "chunks of one byte": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    "a chunk size with zeros": b"Transfer-Encoding: chunked\r\n\r\n0002\r\n{}\r\n0\r\n\r\n",
    "a chunk extension": b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
    "a trailer": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-A: b\r\n\r\n",
    "white space around the length": b"Content-Length: \t 2 \r\n\r\n{}",
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
async def test_a_request_of_doubtful_length_is_400_and_nothing_behind_it_is_read(api: Api, sent: bytes) -> None:
    async with connected(api.client.server) as wire, asyncio.timeout(WAIT_S):
        wire.writer.write(LOGIN + sent + BEHIND)
        check_problem(await wire.read(), 400, "malformed_request")
        assert await wire.rest() == b""


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
async def test_it_is_refused_as_well_where_it_comes_byte_by_byte(api: Api, sent: bytes) -> None:
    """A parser may see each byte in another call."""
    async with connected(api.client.server) as wire, asyncio.timeout(WAIT_S):
        for byte in LOGIN + sent + BEHIND:
            wire.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        check_problem(await wire.read(), 400, "malformed_request")
        assert await wire.rest() == b""


@pytest.mark.parametrize("sent", TAKEN.values(), ids=TAKEN)
async def test_a_request_of_clear_length_is_answered_and_the_one_behind_it_too(api: Api, sent: bytes) -> None:
    async with connected(api.client.server) as wire, asyncio.timeout(WAIT_S):
        wire.writer.write(LOGIN + sent + BEHIND)
        first, second = await wire.read(), await wire.read()
        check_problem(first, 422, "validation_error")
        check_problem(second, 404, "not_found")
        assert (await wire.ask("GET", "/health")).status == 200


async def test_a_body_of_a_request_without_a_meaning_for_it_is_not_read_as_the_next_request(api: Api) -> None:
    inner = b"GET /nowhere/inside HTTP/1.1\r\nHost: test\r\n\r\n"
    async with connected(api.client.server) as wire, asyncio.timeout(WAIT_S):
        head = f"GET /health HTTP/1.1\r\nHost: test\r\nContent-Length: {len(inner)}\r\n\r\n"
        wire.writer.write(head.encode() + inner + BEHIND)
        first, second = await wire.read(), await wire.read()
        assert (first.status, second.status) == (415, 404)


async def test_slow_clients_hold_up_nobody_else(api: Api) -> None:
    """Hundreds of heads and bodies that do not end, and readers that do not read: others are answered."""
    cinema = await api.cinema()
    slow = [
        LOGIN[:40],
        LOGIN + b"X-A: ",
        LOGIN + b"Content-Length: 100\r\n\r\n{",
        LOGIN + b"Transfer-Encoding: chunked\r\n\r\n64\r\n{",
        b"GET /openapi.json HTTP/1.1\r\nHost: test\r\n\r\n" * 20,
    ]
    async with asyncio.timeout(WAIT_S * 6):
        writers = []
        for number in range(200):
            _, writer = await asyncio.open_connection("127.0.0.1", api.client.server.port)
            writer.write(slow[number % len(slow)])
            writers.append(writer)
        for _ in range(20):
            assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).status == 200
        for writer in writers[: 3 * len(slow)]:
            writer.write(b"a")  # a byte now and then
        person = await api.sign_up()
        assert (await api.hold(person, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
        for writer in writers:
            writer.transport.abort()
    assert (await api.call("GET", "/health")).status == 200


async def test_a_head_that_comes_byte_by_byte_is_answered(api: Api) -> None:
    async with connected(api.client.server) as wire, asyncio.timeout(WAIT_S):
        for byte in LOGIN + b"Content-Length: 2\r\n\r\n{}":
            wire.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        check_problem(await wire.read(), 422, "validation_error")
