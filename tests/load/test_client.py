"""The client against real servers: answers in every form of HTTP/1.1, and each kind of fault by its name."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reservation.load import LoadError
from reservation.load.client import Client
from reservation.load.target import Target
from tests.ports import free_port

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def connected(url: str, *, connections: int = 4, timeout_s: float = 2, **more: Any) -> AsyncIterator[Client]:
    async with Client(Target.of(url, **more), connections=connections, timeout_s=timeout_s) as client:
        yield client


@asynccontextmanager
async def answering(*pieces: bytes, close: bool = False) -> AsyncIterator[str]:
    """A server that answers every request with these pieces, some milliseconds apart."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.01)
            if close:
                writer.close()
                return

    async with talking(talk) as url:
        yield url


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def echoing() -> AsyncIterator[str]:
    """An aiohttp server that answers with the request it received, and the connection's port."""

    async def echo(request: web.Request) -> web.StreamResponse:
        body = {
            "method": request.method,
            "path": request.path_qs,
            "headers": dict(request.headers),
            "body": await request.text(),
            "peer": request.transport.get_extra_info("peername")[1] if request.transport else 0,
        }
        return web.json_response(body, headers={"ETag": '"7"'})

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for number in range(50):
            await response.write(b"%d," % number * 100)
        await response.write_eof()
        return response

    async def nothing(request: web.Request) -> web.StreamResponse:
        return web.Response(status=304, headers={"ETag": '"7"'})

    async def busy(request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": "overloaded"}, status=503, headers={"Retry-After": "1"})

    app = web.Application()
    for path, handler in (("/stream", stream), ("/304", nothing), ("/503", busy)):
        app.router.add_get(path, handler)
    app.router.add_route("*", "/{rest:.*}", echo)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        await server.close()


async def test_a_request_arrives_with_its_path_headers_and_body() -> None:
    async with echoing() as url, connected(f"{url}/below") as client:
        request = client.target.request("POST", "/holds?x=1", token="abc", body=b'{"seat_ids":[1]}', etag='"3"')
        answer = await client.fetch(request)
    said = answer.json()
    assert (said["method"], said["path"], said["body"]) == ("POST", "/below/holds?x=1", '{"seat_ids":[1]}')
    assert said["headers"]["Authorization"] == "Bearer abc"
    assert said["headers"]["If-None-Match"] == '"3"'
    assert said["headers"]["Content-Type"] == "application/json"
    assert (answer.status, answer.header("etag"), answer.code) == (200, '"7"', "")


async def test_connections_are_reused_and_bounded() -> None:
    async with echoing() as url, connected(url, connections=3) as client:
        peers = {(await client.fetch(client.target.request("GET", "/"))).json()["peer"] for _ in range(5)}
        assert len(peers) == 1
        answers = await asyncio.gather(*(client.fetch(client.target.request("GET", "/")) for _ in range(50)))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.json()["peer"] for answer in answers}) <= 3
        assert client.in_flight == 0


async def test_answers_with_chunks_with_no_body_and_with_a_problem_are_parsed() -> None:
    async with echoing() as url, connected(url, connections=1) as client:
        for _ in range(2):  # the second one shows that nothing was left over
            streamed = await client.fetch(client.target.request("GET", "/stream"))
            assert streamed.body == b"".join(b"%d," % number * 100 for number in range(50))
        unchanged = await client.fetch(client.target.request("GET", "/304"))
        assert (unchanged.status, unchanged.body, unchanged.header("ETag")) == (304, b"", '"7"')
        busy = await client.fetch(client.target.request("GET", "/503"))
        assert (busy.status, busy.code, busy.header("Retry-After")) == (503, "overloaded", "1")


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood",),
        (b"HTTP/1.1 20", b"0 OK\r\nContent-Le", b"ngth: 4\r\n\r", b"\ngo", b"od"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length:4\r\n\r\ngood"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\ng", b"o\r\n2\r\nod\r", b"\n0\r\n", b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\nTrailer: x\r\n\r\n",),
    ],
)
async def test_an_answer_in_pieces_is_parsed(pieces: tuple[bytes, ...]) -> None:
    async with answering(*pieces) as url, connected(url, connections=1) as client:
        for _ in range(2):
            answer = await client.fetch(client.target.request("GET", "/"))
            assert (answer.status, answer.body, answer.fault) == (200, b"good", "")


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"])
async def test_an_answer_without_a_length_ends_with_its_connection(head: bytes) -> None:
    async with answering(head, b"good", close=True) as url, connected(url, connections=1) as client:
        for _ in range(2):
            answer = await client.fetch(client.target.request("GET", "/"))
            assert (answer.status, answer.body) == (200, b"good")


@pytest.mark.parametrize(
    ("pieces", "fault"),
    [
        ((b"",), "connection_lost"),
        ((b"HTTP/1.1 200 OK\r\nContent-Le",), "connection_lost"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",), "connection_lost"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",), "connection_lost"),
        ((b"SSH-2.0-OpenSSH\r\n\r\n",), "malformed_answer"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",), "malformed_answer"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ntwo answers",), "malformed_answer"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",), "malformed_answer"),
    ],
)
async def test_a_broken_answer_is_a_named_fault_and_the_next_request_gets_a_new_connection(
    pieces: tuple[bytes, ...], fault: str
) -> None:
    async with answering(*pieces, close=True) as url, connected(url, connections=1) as client:
        for _ in range(2):
            answer = await client.fetch(client.target.request("GET", "/"))
            assert (answer.status, answer.fault, answer.code) == (0, fault, fault)
        assert client.in_flight == 0


async def test_a_request_without_an_answer_times_out_and_frees_its_connection() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"/silent" in await reader.readuntil(b"\r\n\r\n"):
            await reader.read()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with talking(silent) as url, connected(url, connections=1, timeout_s=0.5) as client:
        started = monotonic()
        first, second = await asyncio.gather(
            client.fetch(client.target.request("GET", "/silent")), client.fetch(client.target.request("GET", "/"))
        )
        # The second one waited for the connection about as long as it may: either it got one, or it says so.
        assert (first.status, first.fault) == (0, "timeout")
        assert second.status == 200 or second.fault == "connection_wait_timeout"
        assert monotonic() - started >= 0.5
        assert (await client.fetch(client.target.request("GET", "/"))).status == 200


async def test_every_request_is_connection_refused_without_a_server() -> None:
    async with connected(f"http://127.0.0.1:{free_port()}", connections=2) as client:
        answers = await asyncio.gather(*(client.fetch(client.target.request("GET", "/")) for _ in range(10)))
        assert [answer.fault for answer in answers] == ["connection_refused"] * 10
        assert client.in_flight == 0


async def test_requests_in_flight_fail_when_the_client_closes() -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    async with talking(silent) as url:
        async with connected(url, connections=1, timeout_s=60) as client:
            waiting = [asyncio.create_task(client.fetch(client.target.request("GET", "/"))) for _ in range(3)]
            await asked.wait()
        assert {(await task).fault for task in waiting} == {"connection_lost"}


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A key and a self-signed certificate."""
    key, made = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split()  # noqa: SIM905
    subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)
    return made, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
async def test_https_works_and_an_unknown_certificate_is_a_tls_error(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    async def good(request: web.Request) -> web.StreamResponse:
        return web.Response(text="good")

    app = web.Application()
    app.router.add_get("/", good)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    try:
        async with connected(f"https://127.0.0.1:{server.port}", verify=False) as client:
            assert (await client.fetch(client.target.request("GET", "/"))).body == b"good"
        async with connected(f"https://127.0.0.1:{server.port}") as client:
            assert (await client.fetch(client.target.request("GET", "/"))).fault == "tls_error"
    finally:
        await server.close()


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://x", "http://", "http://x:99999", "http://x/?a=b"])
def test_an_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(LoadError, match=r"must be like|is no URL"):
        Target.of(url)


def test_an_ipv6_address_stands_in_brackets_in_the_host_header() -> None:
    assert b"Host: [::1]:8000\r\n" in Target.of("http://[::1]:8000").request("GET", "/")
