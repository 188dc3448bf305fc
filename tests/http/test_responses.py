"""Responses on the wire: whole, in order and with the right head, written directly or by aiohttp."""

import asyncio
import gc
import json
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reservation.http.output.responses import SingleWriteResponse
from tests.api import Api, Connection, slot
from tests.conftest import StartApi

FRIEND = "https://cinema.example"
WAIT_S = 10.0
BOUND_BYTES = 512 * 1024  # in one client's write buffer: aiohttp's limit of 64 KB, and the response that exceeded it


@dataclass(frozen=True, slots=True)
class Read:
    """A response as read from a socket; the names of its headers are in lower case."""

    version: str
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection on which a test writes raw requests."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, method: str, path: str, *headers: str, version: str = "1.1", body: bytes = b"") -> None:
        """Write a request, with Host and Content-Length added and no other header."""
        length = [f"Content-Length: {len(body)}"] if body else []
        lines = [f"{method} {path} HTTP/{version}", "Host: test", *length, *headers, "", ""]
        self.writer.write("\r\n".join(lines).encode() + body)

    async def read(self, *, has_body: bool = True) -> Read:
        """The next response; asserts that each header occurs once."""
        async with asyncio.timeout(WAIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            start, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            version, status, _ = start.split(" ", 2)
            fields = [line.split(": ", 1) for line in lines]
            headers = {name.lower(): value for name, value in fields}
            assert len(headers) == len(fields), head
            length = int(headers.get("content-length", 0)) if has_body else 0
            return Read(version, int(status), headers, await self.reader.readexactly(length))

    async def ask(self, method: str, path: str, *headers: str, version: str = "1.1", body: bytes = b"") -> Read:
        """Send a request and read its response."""
        self.send(method, path, *headers, version=version, body=body)
        return await self.read(has_body=method != "HEAD")

    async def rest(self) -> bytes:
        """The bytes until the server closes the connection."""
        async with asyncio.timeout(WAIT_S):
            return await self.reader.read()


@asynccontextmanager
async def connected(server: Any) -> AsyncIterator[Wire]:
    """A connection to a test server."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


@pytest.fixture
async def wire(api: Api) -> AsyncIterator[Wire]:
    """A connection to the service."""
    async with connected(api.client.server) as made:
        yield made


def check_stamps(answer: Read) -> None:
    """Assert the headers that every response has."""
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
    number = r"\d+\.\d\d"
    split = f"pool;dur={number}, postgresql;dur={number}, redis;dur={number}, total;dur={number}"
    assert re.fullmatch(split, answer.headers["server-timing"])
    assert "GMT" in answer.headers["date"]
    assert answer.headers["server"]


async def test_an_ordinary_response_is_kept_alive_json(wire: Wire) -> None:
    for _ in range(3):
        answer = await wire.ask("GET", "/health")
        assert (answer.version, answer.status, answer.body) == ("HTTP/1.1", 200, b'{"status":"ok"}')
        assert answer.headers["content-type"] == "application/json"
        assert "connection" not in answer.headers
        check_stamps(answer)


class Counted:
    """A transport that counts what is written to it, call by call."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.written: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Count the write and pass it on."""
        self.written.append(bytes(data))
        self._transport.write(data)

    def writelines(self, parts: Sequence[bytes]) -> None:
        """Count the buffers as one write and pass them on."""
        self.written.append(b"".join(parts))
        self._transport.writelines(parts)


async def test_head_and_body_are_one_write(api: Api, wire: Wire) -> None:
    cinema = await api.cinema()
    await wire.ask("GET", "/health")
    [mine] = [one for one in connections_of(api).connections if is_end_of(wire, one.transport)]
    counted = mine.transport = Counted(mine.transport)
    paths = ("/health", f"/showtimes/{cinema.showtime_id}/seats", "/movies", "/movies/4711", "/nothing")
    for path in paths:
        answer = await wire.ask("GET", path)
        assert counted.written.pop().endswith(b"\r\n\r\n" + answer.body)
        assert counted.written == [], path


def connections_of(api: Api) -> Any:
    """aiohttp's server, with its connections and its count of requests."""
    server: Any = api.client.server
    return server.runner.server


def is_end_of(wire: Wire, transport: Any) -> bool:
    """Whether this is the server's end of the connection."""
    ours, theirs = wire.writer.get_extra_info("sockname"), transport.get_extra_info("peername")
    return bool(ours[:2] == theirs[:2])


async def test_head_has_the_headers_of_get_and_no_body(api: Api, wire: Wire) -> None:
    cinema = await api.cinema()
    for path in ("/health", f"/showtimes/{cinema.showtime_id}/seats", "/movies/4711", "/nothing"):
        got = await wire.ask("GET", path)
        head = await wire.ask("HEAD", path)
        # Responses to both: if the one to HEAD had a body, the next response would begin with it.
        assert (await wire.ask("GET", "/health")).body == b'{"status":"ok"}'
        assert (head.status, head.body) == (got.status, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        assert head.headers.get("etag") == got.headers.get("etag")
        assert head.headers["content-length"] == str(len(got.body))
        check_stamps(head)


@pytest.mark.parametrize("path", ["/health", "/movies", "/nothing"])
async def test_http_1_0_is_answered_with_1_0_and_closed(wire: Wire, path: str) -> None:
    answer = await wire.ask("GET", path, version="1.0")
    assert answer.version == "HTTP/1.0"
    assert answer.headers.get("connection", "close").lower() == "close"
    assert "transfer-encoding" not in answer.headers
    assert json.loads(answer.body)
    check_stamps(answer)
    assert await wire.rest() == b""


async def test_http_1_0_with_keep_alive_stays_open(wire: Wire) -> None:
    for _ in range(2):
        answer = await wire.ask("GET", "/health", "Connection: keep-alive", version="1.0")
        assert (answer.version, answer.headers["connection"].lower()) == ("HTTP/1.0", "keep-alive")
        assert answer.body == b'{"status":"ok"}'


@pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/nothing", 404)])
async def test_connection_close_closes_after_the_response(wire: Wire, path: str, status: int) -> None:
    answer = await wire.ask("GET", path, "Connection: close")
    assert (answer.version, answer.status, answer.headers["connection"].lower()) == ("HTTP/1.1", status, "close")
    assert len(answer.body) == int(answer.headers["content-length"])
    check_stamps(answer)
    assert await wire.rest() == b""


async def test_pipelined_requests_are_answered_in_order(api: Api, wire: Wire) -> None:
    cinema = await api.cinema()
    paths = [f"/showtimes/{cinema.showtime_id}/seats", "/health", "/nothing", f"/movies/{cinema.movie_id}"] * 10
    for number, path in enumerate(paths):
        wire.send("GET", path, f"X-Request-ID: {number}")
    answers = [await wire.read() for _ in paths]
    assert [answer.headers["x-request-id"] for answer in answers] == [str(number) for number in range(len(paths))]
    assert [answer.status for answer in answers] == [200, 200, 404, 200] * 10
    assert all(json.loads(answer.body) for answer in answers)


@pytest.mark.parametrize("how", ["quick", "slow"])
async def test_not_modified_has_neither_body_nor_type(start_api: StartApi, how: str) -> None:
    """Also when aiohttp writes it, which sets application/octet-stream for an empty body by default."""
    api = await start_api(**({} if how == "quick" else {"CORS_ORIGINS": FRIEND}))
    cinema = await api.cinema()
    path = f"/showtimes/{cinema.showtime_id}/seats"
    async with connected(api.client.server) as wire:
        full = await wire.ask("GET", path)
        etag = full.headers["etag"]
        for known in (etag, "*"):
            wire.send("GET", path, f"If-None-Match: {known}")
            same = await wire.read(has_body=False)
            assert (same.status, same.headers["etag"]) == (304, etag)
            assert same.headers["cache-control"] == full.headers["cache-control"] == "no-cache"
            assert "content-type" not in same.headers
            assert same.headers.get("content-length") in {None, str(len(full.body))}  # RFC 9110, 8.6
            check_stamps(same)
            assert (await wire.ask("GET", path)).body == full.body


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_content_length_counts_bytes(api: Api, wire: Wire, version: str) -> None:
    title = "Амели — 🎬 «é»"
    movie_id = await api.movie(title=title)
    answer = await wire.ask("GET", f"/movies/{movie_id}", version=version)
    assert int(answer.headers["content-length"]) == len(answer.body) > len(answer.body.decode())
    assert json.loads(answer.body)["title"] == title


async def test_every_status_has_request_id_and_server_timing(api: Api, wire: Wire, db: Connection) -> None:
    cinema = await api.cinema()
    free = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    admin = f"Authorization: Bearer {(await api.admin()).access_token}"
    as_json = "Content-Type: application/json"
    # So that a request can fail.
    await db.execute("""
        create function fail() returns trigger language plpgsql as $$ begin raise 'of the test'; end $$;
        create trigger fail before update on movies for each row execute function fail();
    """)
    asked: list[tuple[int, str, str, list[str], bytes]] = [
        (200, "GET", "/health", [], b""),
        (404, "GET", "/nothing", [], b""),
        (404, "GET", "/showtimes/4711/seats", [], b""),
        (405, "PATCH", "/health", [], b""),
        (401, "GET", "/auth/me", [], b""),
        (422, "POST", f"/showtimes/{cinema.showtime_id}/holds", [admin, as_json], b'{"seat_ids":[]}'),
        (400, "POST", f"/showtimes/{cinema.showtime_id}/holds", [admin, as_json], b"{"),
        (415, "POST", f"/showtimes/{cinema.showtime_id}/holds", [admin, "Content-Type: text/plain"], b"{}"),
        (201, "POST", f"/showtimes/{cinema.showtime_id}/holds", [admin, as_json],
         json.dumps({"seat_ids": cinema.seat_ids[:1]}).encode()),
        (500, "PUT", f"/admin/movies/{cinema.movie_id}", [admin, as_json], b'{"title":"B","duration_minutes":90}'),
    ]  # fmt: skip
    for status, method, path, headers, body in asked:
        answer = await wire.ask(method, path, *headers, body=body)
        assert answer.status == status, answer
        check_stamps(answer)
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert json.loads(answer.body)["request_id"] == answer.headers["x-request-id"]
    wire.send("DELETE", f"/admin/showtimes/{free}", admin)
    gone = await wire.read()
    assert (gone.status, gone.body) == (204, b"")
    check_stamps(gone)
    assert (await wire.ask("GET", "/health")).status == 200


async def test_cors_headers_are_added_to_responses(start_api: StartApi) -> None:
    """on_response_prepare signals can add headers: CORS and Vary are there beside the service's own."""
    api = await start_api(CORS_ORIGINS=FRIEND)
    cinema = await api.cinema()
    async with connected(api.client.server) as wire:
        seats = f"/showtimes/{cinema.showtime_id}/seats"
        for path, vary in (("/health", "Origin"), (seats, "Accept-Encoding, Origin"), ("/movies/4711", "Origin")):
            friend = await wire.ask("GET", path, f"Origin: {FRIEND}")
            assert friend.headers["access-control-allow-origin"] == FRIEND
            stranger = await wire.ask("GET", path, "Origin: https://stranger.example")
            assert "access-control-allow-origin" not in stranger.headers
            for answer in (friend, stranger):
                assert answer.headers["vary"] == vary
                assert json.loads(answer.body)
                check_stamps(answer)


async def test_cors_headers_are_those_of_the_requests_origin(start_api: StartApi) -> None:
    """The body of a seat map is shared by responses; the headers are not."""
    api = await start_api(CORS_ORIGINS=f"{FRIEND},https://other.example")
    cinema = await api.cinema()
    path = f"/showtimes/{cinema.showtime_id}/seats"
    async with connected(api.client.server) as wire:
        for origin in (FRIEND, "https://other.example", FRIEND):
            answer = await wire.ask("GET", path, f"Origin: {origin}")
            assert answer.headers["access-control-allow-origin"] == origin


BROKEN: dict[str, dict[str, str]] = {
    "a whole header": {"Location": "/x\r\nSet-Cookie: a=b"},
    "a line feed": {"Location": "/x\nSet-Cookie: a=b"},
    "a carriage return": {"Location": "/x\rSet-Cookie: a=b"},
    "an end of the head": {"Location": "/x\r\n\r\n<html>"},
    "in a name": {"X-A: b\r\nSet-Cookie": "a=b"},
    "the last of two": {"X-A": "b", "Location": "/x\r\n"},
}


@asynccontextmanager
async def answering(make: Callable[[], SingleWriteResponse]) -> AsyncIterator[Wire]:
    """A connection to a server that always sends this response."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return make()

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestServer(app) as server, connected(server) as wire:
        yield wire


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", BROKEN.values(), ids=BROKEN.keys())
async def test_a_line_break_in_a_header_is_never_sent(method: str, headers: dict[str, str]) -> None:
    async with answering(lambda: SingleWriteResponse(b"{}", headers=headers)) as wire:
        wire.send(method, "/")
        sent = await wire.rest()
    assert b"Set-Cookie" not in sent
    assert b"<html>" not in sent
    assert not sent.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("first", ["the headers", "the common ones"])
async def test_headers_can_be_changed_until_it_is_sent(first: str) -> None:
    def change(reply: SingleWriteResponse) -> None:
        reply.headers["x-a"] = "2"
        del reply.headers["X-B"]

    def make() -> SingleWriteResponse:
        reply = SingleWriteResponse(b"{}", headers={"X-A": "1", "X-B": "1"})
        if first == "the headers":
            change(reply)
        reply.set_common_headers("an-id", "total;dur=1.00", "")
        if first == "the common ones":
            change(reply)
        return reply

    async with answering(make) as wire:
        quick, slow = await wire.ask("GET", "/"), await wire.ask("GET", "/", "Connection: close")
    for answer in (quick, slow):
        assert (answer.headers["x-a"], answer.headers["x-request-id"]) == ("2", "an-id")
        assert answer.headers["server-timing"] == "total;dur=1.00"
        assert "x-b" not in answer.headers


async def test_the_direct_write_and_aiohttps_write_send_the_same(api: Api) -> None:
    cinema = await api.cinema()
    for path in ("/health", f"/showtimes/{cinema.showtime_id}/seats", "/movies", "/movies/4711", "/auth/me"):
        heads = []
        for more in ((), ("Connection: close",)):
            async with connected(api.client.server) as wire:
                answer = await wire.ask("GET", path, "X-Request-ID: same", *more)
            headers = {name: value for name, value in answer.headers.items() if name not in {"date", "server-timing"}}
            headers.pop("connection", None)
            heads.append((answer.status, headers, answer.body))
        assert heads[0] == heads[1]


async def test_a_client_that_does_not_read_blocks_only_itself(api: Api) -> None:
    """A client requests 600 seat maps and does not read them: the server stops writing until it does."""
    cinema = await api.cinema(rows=20, seats_per_row=20)
    path, many = f"/showtimes/{cinema.showtime_id}/seats", 600
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    lazy.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(lazy, (api.client.server.host, api.client.server.port))
    asked = "".join(f"GET {path} HTTP/1.1\r\nHost: t\r\nX-Request-ID: {number}\r\n\r\n" for number in range(many))
    sending = asyncio.create_task(loop.sock_sendall(lazy, asked.encode()))
    await until_stalled(api, path, many)
    reader, writer = await asyncio.open_connection(sock=lazy)
    wire = Wire(reader, writer)
    for number in range(many):
        answer = await wire.read()
        assert answer.headers["x-request-id"] == str(number)
        assert answer.body.endswith(b"]}")
    await sending
    writer.close()
    await writer.wait_closed()


async def until_stalled(api: Api, path: str, many: int) -> None:
    """Return when the server has stopped writing; it buffers little, and answers other clients meanwhile."""
    server = connections_of(api)
    answered, most, quiet = -1, 0, 0
    async with asyncio.timeout(WAIT_S), connected(api.client.server) as other:
        while quiet < 5:
            before = server.requests_count
            answer = await other.ask("GET", path)
            assert answer.status == 200
            most = max(most, *(one.transport.get_write_buffer_size() for one in server.connections if one.transport))
            quiet = quiet + 1 if server.requests_count == before + 1 else 0
            await asyncio.sleep(0.02)
            answered = server.requests_count
    assert answered < many
    assert 0 < most < BOUND_BYTES


async def test_a_disconnected_client_causes_no_error(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    gc.collect()  # asyncio logs what earlier tests have left when that is deleted
    caplog.clear()
    cinema = await api.cinema()
    paths = (f"/showtimes/{cinema.showtime_id}/seats", "/movies", "/nothing", "/health")
    for round_trips in range(20):
        for path in paths:
            async with connected(api.client.server) as wire:
                wire.send("GET", path)
                await wire.writer.drain()
                for _ in range(round_trips):
                    await asyncio.sleep(0)
                if round_trips % 2:  # a reset instead of an end
                    sock = wire.writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server = connections_of(api)
    async with asyncio.timeout(WAIT_S):
        while len(server.connections) > 1:
            await asyncio.sleep(0.01)
    for path, status in zip(paths, (200, 200, 404, 200), strict=True):
        assert (await api.call("GET", path)).status == status
    gc.collect()
    assert [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []
