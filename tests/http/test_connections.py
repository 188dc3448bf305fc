"""What never reaches the middleware is answered like every other failure: the HTTP parser's refusals, and Expect."""

import asyncio
import gzip
import io
import json
import logging
import re
import zlib
from typing import Any

import pytest
from aiohttp.web_urldispatcher import UrlDispatcher

from reservation.http import middleware
from reservation.http.cors import EXPOSED
from reservation.http.parser_problems import MAX_HEADER_BYTES, MAX_HEADERS, MAX_LINE_BYTES
from tests.api import Api
from tests.conftest import StartApi
from tests.http.test_request_records import requests_in
from tests.http.test_responses import Read, Wire, connected

LISTED, OTHER = "https://cinema.example", "https://other.example"
HOST = b"Host: test\r\n"
MALFORMED = (400, "malformed_request")
LONG_LINE, LONG_HEADER = (414, "uri_too_long"), (431, "headers_too_large")
REFUSED: dict[str, tuple[bytes, tuple[int, str]]] = {
    "a long address": (b"GET /" + b"a" * MAX_LINE_BYTES + b" HTTP/1.1\r\n" + HOST, LONG_LINE),
    "a long query": (b"GET /movies?q=" + b"a" * MAX_LINE_BYTES + b" HTTP/1.1\r\n" + HOST, LONG_LINE),
    "a line without an end": (b"GET /" + b"a" * 2 * MAX_LINE_BYTES, LONG_LINE),
    "a long header": (b"GET / HTTP/1.1\r\nCookie: " + b"a" * MAX_HEADER_BYTES + b"\r\n" + HOST, LONG_HEADER),
    "a long name": (b"GET / HTTP/1.1\r\n" + b"a" * (MAX_HEADER_BYTES + 1) + b": b\r\n" + HOST, LONG_HEADER),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * (MAX_HEADERS + 1) + HOST, LONG_HEADER),
    "an unknown method": (b"BREW /movies HTTP/1.1\r\n" + HOST, MALFORMED),
    "a method in lower case": (b"get /movies HTTP/1.1\r\n" + HOST, MALFORMED),
    "no HTTP": (b"hello\r\n", MALFORMED),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", MALFORMED),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n", MALFORMED),
    "another version": (b"GET /movies HTTP/9.9\r\n" + HOST, MALFORMED),
    "no path": (b"GET movies HTTP/1.1\r\n" + HOST, MALFORMED),
    "a broken address": (b"GET http://[/movies HTTP/1.1\r\n" + HOST, MALFORMED),
    "a path that is not ASCII": ("GET /é HTTP/1.1\r\n".encode() + HOST, MALFORMED),
    "no host": (b"GET /movies HTTP/1.1\r\nAccept: */*\r\n", MALFORMED),
    "two hosts": (b"GET /movies HTTP/1.1\r\n" + HOST * 2, MALFORMED),
    "a space in a name": (b"GET /movies HTTP/1.1\r\n" + HOST + b"X A: b\r\n", MALFORMED),
    "no colon": (b"GET /movies HTTP/1.1\r\n" + HOST + b"X-A\r\n", MALFORMED),
    "a control character": (b"GET /movies HTTP/1.1\r\n" + HOST + b"X-A: \x01\r\n", MALFORMED),
    "no number": (b"POST /auth/login HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n", MALFORMED),
    "a negative length": (b"POST /auth/login HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n", MALFORMED),
    "two lengths": (
        b"POST /auth/login HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n",
        MALFORMED,
    ),
    "a length and chunks": (
        b"POST /auth/login HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        MALFORMED,
    ),
    "another transfer": (b"POST /auth/login HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: x\r\n", MALFORMED),
    "a broken chunk": (
        b"POST /auth/login HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        MALFORMED,
    ),
}


def check_problem(answer: Read, status: int, code: str) -> dict[str, Any]:
    """Assert a whole problem document with the headers that every answer has."""
    assert (answer.version, answer.status) == ("HTTP/1.1", status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "GMT" in answer.headers["date"]
    assert "total;dur=" in answer.headers["server-timing"]
    problem: dict[str, Any] = json.loads(answer.body)
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem)
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/docs#{code}")
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


@pytest.mark.parametrize(("sent", "expected"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_request_that_the_parser_refuses_gets_a_problem_and_ends_the_connection(
    api: Api, sent: bytes, expected: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(api.client.server) as wire:
        wire.writer.write(sent + b"\r\n")
        answer = await wire.read()
        problem = check_problem(answer, *expected)
        assert re.fullmatch(r"[0-9a-f]{16}", problem["request_id"])
        assert re.fullmatch(r"[A-Z][^\n]*\.", problem["detail"])
        assert answer.headers["connection"] == "close"
        assert "access-control-allow-origin" not in answer.headers
        assert await wire.rest() == b""
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(("sent", "expected"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_malformed_request_is_one_line_of_the_log(
    start_api: StartApi,
    sent: bytes,
    expected: tuple[int, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(middleware, "standard_error", lambda: stderr)
    api = await start_api(ACCESS_LOG="on")
    async with connected(api.client.server) as wire:
        wire.writer.write(sent + b"\r\n")
        await wire.rest()
    await api.client.close()
    [line] = requests_in(stderr.getvalue())
    assert (line["path"] in ("-", "/auth/login"), line["status"]) == (True, expected[0])
    assert "Traceback" not in stderr.getvalue() + caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_request_that_is_refused_comes_after_others(api: Api) -> None:
    async with connected(api.client.server) as wire:
        assert (await wire.ask("GET", "/health")).status == 200
        wire.writer.write(b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n")
        check_problem(await wire.read(), *MALFORMED)
        assert await wire.rest() == b""


async def test_lines_and_headers_below_the_limits_are_taken(api: Api) -> None:
    async with connected(api.client.server) as wire:
        path = "/movies?q=" + "a" * 8000
        assert (await wire.ask("GET", path, f"Cookie: {'a' * 8000}")).status == 422  # q is shorter
        many = [f"X-{number}: a" for number in range(MAX_HEADERS - 1)]
        assert (await wire.ask("GET", "/health", *many)).status == 200


@pytest.mark.parametrize(("origins", "named"), [(LISTED, LISTED), (f"{LISTED},{OTHER}", "*"), ("*", "*")])
async def test_a_page_of_a_listed_origin_can_read_the_parsers_refusal(
    start_api: StartApi, origins: str, named: str
) -> None:
    api = await start_api(CORS_ORIGINS=origins)
    for sent, expected in REFUSED.values():
        async with connected(api.client.server) as wire:
            wire.writer.write(sent + f"Origin: {LISTED}\r\n\r\n".encode())
            answer = await wire.read()
            check_problem(answer, *expected)
            assert answer.headers["access-control-allow-origin"] == named
            assert answer.headers["access-control-expose-headers"] == EXPOSED
            assert "Origin" in answer.headers["vary"]


async def test_refused_requests_are_in_the_access_log_and_the_metrics(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(middleware, "standard_error", lambda: written)
    api = await start_api(ACCESS_LOG="on")
    before = await counted(api)
    ids = []
    for name in ("a long address", "a long header", "an unknown method"):
        async with connected(api.client.server) as wire:
            wire.writer.write(REFUSED[name][0] + b"\r\n")
            ids.append((await wire.read()).headers["x-request-id"])
    after = await counted(api)
    assert [after[status] - before.get(status, 0) for status in ("414", "431", "400")] == [1, 1, 1]
    await api.client.close()
    lines = {line["request_id"]: line for line in requests_in(written.getvalue())}
    assert [(lines[an_id]["method"], lines[an_id]["path"], lines[an_id]["status"]) for an_id in ids] == [
        ("UNKNOWN", "-", status) for status in (414, 431, 400)
    ]


async def counted(api: Api) -> dict[str, int]:
    """The requests without a route, by status."""
    async with api.client.get("/metrics") as answer:
        text = await answer.text()
    series = re.findall(r'requests_total\{method="any",route="none",status="(\d+)"\} (\d+)', text)
    return {status: int(number) for status, number in series}


CHUNKED = ("Content-Type: application/json", "Transfer-Encoding: chunked")


@pytest.mark.parametrize("broken", [b"zz\r\n", b"2\r\n{}x", b"-1\r\n", b"fffffffffffffffff\r\n"])
async def test_a_body_that_turns_out_to_be_malformed_is_answered_once(api: Api, broken: bytes) -> None:
    async with connected(api.client.server) as wire:
        wire.send("POST", "/auth/login", *CHUNKED, "X-Request-ID: mine")
        await reading(api, wire)
        wire.writer.write(broken)
        answer = await wire.read()
        problem = check_problem(answer, *MALFORMED)
        assert problem["request_id"] == "mine"
        assert answer.headers["connection"] == "close"
        assert await wire.rest() == b""


async def reading(api: Api, wire: Wire) -> None:
    """Wait until the service waits for the body of the connection's request."""
    ours = wire.writer.get_extra_info("sockname")[:2]
    server: Any = api.client.server
    while True:
        for connection in server.runner.server.connections:
            request = connection._current_request
            if request is not None and connection.peername[:2] == ours and request.content._waiter is not None:
                return
        await asyncio.sleep(0)


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "x", "gzip;q=1", "*"])
async def test_an_unknown_content_coding_is_415_which_names_the_known_ones(start_api: StartApi, coding: str) -> None:
    api = await start_api(CORS_ORIGINS=f"{LISTED},{OTHER}")
    async with connected(api.client.server) as wire:
        headers = ("Content-Type: application/json", f"Content-Encoding: {coding}", f"Origin: {LISTED}")
        answer = await wire.ask("POST", "/auth/login", *headers, "X-Request-ID: mine", body=b"{}")
        assert check_problem(answer, 415, "unsupported_media_type")["request_id"] == "mine"
        assert answer.headers["accept-encoding"] == "gzip, x-gzip, deflate"
        assert answer.headers["access-control-allow-origin"] == LISTED
        assert (await wire.ask("GET", "/health")).status == 200  # on the same connection


BODY = b'{"email": "a@example.com", "password": "x"}'
PACKED = gzip.compress(BODY, mtime=0)
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", PACKED),
        ("GZIP", PACKED),
        ("x-gzip", PACKED),
        ("deflate", zlib.compress(BODY)),
        ("deflate", BARE.compress(BODY) + BARE.flush()),
        ("identity", BODY),
        ("", BODY),
    ],
)
async def test_a_known_content_coding_is_decoded(api: Api, coding: str, body: bytes) -> None:
    async with connected(api.client.server) as wire:
        headers = ("Content-Type: application/json", f"Content-Encoding: {coding}")
        check_problem(await wire.ask("POST", "/auth/login", *headers, body=body), 401, "invalid_credentials")


@pytest.mark.parametrize("body", [b"{}", PACKED[:-1], PACKED + b"x", PACKED * 2, b"\x1f\x8b"])
async def test_a_body_that_is_not_gzip_is_400_and_the_connection_stays(api: Api, body: bytes) -> None:
    async with connected(api.client.server) as wire:
        headers = ("Content-Type: application/json", "Content-Encoding: gzip")
        check_problem(await wire.ask("POST", "/auth/login", *headers, body=body), *MALFORMED)
        assert (await wire.ask("GET", "/health")).status == 200


async def test_a_body_that_grows_beyond_the_limit_is_413(start_api: StartApi) -> None:
    api = await start_api(MAX_BODY_BYTES="4096")
    async with connected(api.client.server) as wire:
        headers = ("Content-Type: application/json", "Content-Encoding: gzip")
        right = BODY + b" " * (4096 - len(BODY))
        for body, expected in ((right, (401, "invalid_credentials")), (right + b" ", (413, "payload_too_large"))):
            check_problem(await wire.ask("POST", "/auth/login", *headers, body=gzip.compress(body)), *expected)


async def test_a_body_that_is_declared_beyond_the_limit_is_413_before_it_has_come(start_api: StartApi) -> None:
    api = await start_api(MAX_BODY_BYTES="4096")
    async with connected(api.client.server) as wire:
        head = (
            b"POST /auth/login HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Length: 4097\r\n\r\n"
        )
        wire.writer.write(head)
        check_problem(await wire.read(), 413, "payload_too_large")


@pytest.mark.parametrize("path", ["/auth/login", "/nothing", "/v1/auth/login", "/docs"])
async def test_an_unknown_expectation_is_417(start_api: StartApi, path: str) -> None:
    api = await start_api(CORS_ORIGINS=LISTED)
    async with connected(api.client.server) as wire:
        answer = await wire.ask("POST", path, "Expect: x", f"Origin: {LISTED}", "X-Request-ID: mine", body=b"{}")
        assert check_problem(answer, 417, "expectation_failed")["request_id"] == "mine"
        assert answer.headers["access-control-allow-origin"] == LISTED


async def test_an_expected_continue_is_sent(api: Api) -> None:
    async with connected(api.client.server) as wire:
        wire.send("POST", "/auth/login", "Content-Type: application/json", "Expect: 100-continue", "Content-Length: 2")
        assert (await wire.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        wire.writer.write(b"{}")
        check_problem(await wire.read(), 422, "validation_error")


async def test_a_defect_before_the_middleware_is_a_500_problem(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError

    async with connected(api.client.server) as wire:
        monkeypatch.setattr(UrlDispatcher, "resolve", broken)
        answer = await wire.ask("GET", "/nothing")
        assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
        assert json.loads(answer.body)["code"] == "internal_error"
        assert json.loads(answer.body)["request_id"] == answer.headers["x-request-id"]
        assert await wire.rest() == b""
