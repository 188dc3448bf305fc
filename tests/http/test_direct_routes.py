"""Requests whose operation is found in front of aiohttp's Application get the answer that the Application gives.

Thousands of odd requests are sent to two services on the same stores, one of which leaves every request to the
Application. Each has its own customer and its own one of two equal showtimes, so that both see the same history.
"""

import asyncio
import gzip
import io
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp.test_utils import TestClient

from reservation.app import make_app
from reservation.http import direct_routes, middleware
from reservation.http.direct_routes import KNOWN_VERSIONS, DirectRoutes
from tests.api import Api, Cinema, Connection, slot
from tests.conftest import ServiceServer, StartApi, make_settings
from tests.http.test_request_records import requests_in

FRIEND = "https://cinema.example"
CONNECTIONS, MOST_PIPELINED = 1000, 5
WAIT_S = 20.0
LAST = "GET /health HTTP/1.1\r\nHost: test\r\nX-Request-ID: last\r\nConnection: close\r\n\r\n"

PATHS = (
    ["/showtimes/<showtime>/seats"] * 6
    + ["/showtimes/<showtime>/holds"] * 6
    + ["/reservations/<reservation>/confirm"] * 4
    + ["/reservations/<reservation>", "/reservations/<reservation>/cancel", "/reservations/<reservation>/extend"] * 2
    + ["/auth/me"] * 3
    + ["/v1/showtimes/<showtime>/seats", "/v1/showtimes/<showtime>/holds", "/v1/reservations/<reservation>/confirm"] * 2
    + ["/v1/reservations/<reservation>", "/v1/auth/me", "/v1/movies", "/v1/movies/<movie>", "/v1/health", "/v1", "/v1/"]
    + ["/health", "/movies/<movie>", "/movies", "/showtimes/<showtime>", "/nothing", "*", "/admin/movies", "/docs"]
)
IDS = [
    "0", "00<showtime>", "<showtime>a", "<showtime>-", "-1", "+1", "9" * 19, "9" * 40, "%D9%A4", "1.0", "1e3", " ",
    "{}", "{showtime_id}", "<reservation>", "%30", "١", "None", "", "0x1f", "deadbeef", "<REVERSED>",
]  # fmt: skip
QUERIES = [
    "?", "?x=1", "?since=5", "?since=x", "?since=1&since=2", "?since=<version>", "??", "?%", "?a=%zz", "#part",
    "?since=1#part", "&x=1", ";a=b",
]  # fmt: skip
METHODS = [
    "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE", "get", "Post", "CONNECT", "M-SEARCH", "GE T",
    "G\x01T",
]  # fmt: skip
AUTHORIZATIONS = [
    "bearer <token>", "BEARER <token>", "Bearer  <token> ", "Bearer\t<token>", "Bearer<token>", "Bearer", "Bearer ",
    "Basic <token>", "<token>", "", "Bearer <token>x", "Bearer rsv_nonsense", "Bearer <key>", "bearer <key>",
    "Bearer <token>,Bearer <token>", "Bearer é",
]  # fmt: skip
TAGS = [
    '"<version>"'] * 4 + ['W/"<version>"', "*", '"1", "<version>"', "<version>", '"', '""', "", " * ", '"1",*',
    '"<version>" ', 'w/"<version>"', "W/*", '"é"', '"<version>-5"',
]  # fmt: skip
TYPES = [
    "application/json; charset=utf-8", "application/json;charset=latin-1", "Application/JSON", "text/plain", "",
    "application/problem+json", "application/x-www-form-urlencoded", "application/json;", "json", "*/*",
]  # fmt: skip
ENCODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress), ("deflate", zlib.compress), ("gzip", bytes), ("br", bytes), ("identity", bytes),
    ("x", bytes), ("gzip, gzip", gzip.compress), ("deflate", lambda body: zlib.compress(body)[:-3]),
]  # fmt: skip
LENGTHS = ["<length>, <length>", "-1", "+<length>", "0<length>", "x", "0", "1", "<length> ", "0x5", "", "1e1"]
ODD_HEADERS = [
    "Expect: 100-continue", "Expect: 100-Continue", "Expect: x", "Expect:", "Connection: keep-alive",
    "Connection: close", "Connection: Upgrade", "Upgrade: websocket", "Connection: x", "X-Request-ID: a b",
    "X-Request-ID: é", "X-Request-ID: ", "Host: other", "Accept-Encoding: gzip", "Range: bytes=0-3", "If-Match: *",
    "TE: trailers", "X-Forwarded-For: 1.2.3.4", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
    "Content-Type: text/html", "Cookie: a=b", "X-A\t: b", "X A: b", " folded", "X-A: \x01", "Idempotency-Key: twice",
    "Last-Event-ID: 5",
]  # fmt: skip
KEYS = ["one", "one", "two", "a b", "", "x" * 255, "x" * 256, "é", "fresh-<number>", "fresh-<number>"]
BODIES = [
    b'{"seat_ids":[%d]}', b'{"seat_ids":[%d]}', b'{"seat_ids": [%d, %d]}', b'{"seat_ids":[]}', b"{}", b"null", b"",
    b"[]", b"{", b'{"quantity":1}', b'{"quantity":2}', b'{"quantity":0}', b'{"quantity":1,"seat_type":"regular"}',
    b'{"seat_ids":["%d"]}', b'{"seat_ids":[%d,%d],"quantity":1}', b'{"seat_ids":[99999999]}', b'{"seat_ids":[1.5]}',
    b'\xef\xbb\xbf{"quantity":1}', b'{"seat_ids":[%d]}\n', b'{"x":"\\u0000"}', b"\xff", b"[" * 100,
    b'{"quantity":1,"quantity":3}', b" " * 3000,
]  # fmt: skip


@dataclass(slots=True)
class Side:
    """A service, its customer and its showtime, and what the requests to it refer to."""

    client: Any
    names: dict[str, str]
    cinema: Cinema
    log: io.StringIO
    first_version: int
    reservations: list[str] = field(default_factory=lambda: ["019a0000-0000-7000-8000-000000000000"])

    async def exchange(self, requests: list[bytes]) -> bytes:
        """The bytes that the service sends on a connection on which these requests are written at once."""
        reader, writer = await asyncio.open_connection(self.client.server.host, self.client.server.port)
        writer.write(b"".join(requests) + LAST.encode())
        try:
            async with asyncio.timeout(WAIT_S):
                return await reader.read()
        finally:
            writer.transport.abort()

    def filled(self, request: bytes) -> bytes:
        """The request with this side's ids in place of the names."""
        reservation = self.reservations[len(request) % len(self.reservations)]
        names = {**self.names, "reservation": reservation, "REVERSED": reservation.upper()}
        return re.sub(rb"<(\w+)>", lambda name: names[name[1].decode()].encode(), request)

    def learn(self, answered: bytes) -> None:
        """Remember the reservations and the map's version, which later requests name."""
        self.reservations += [
            found.decode() for found in re.findall(rb"Location: (?:/v1)?/reservations/(\S+)", answered)
        ]
        if versions := re.findall(rb'ETag: "(\d{16})(?:-gzip)?"', answered):
            self.names["version"] = versions[-1].decode()

    def normal(self, answered: str) -> str:
        """The answers without what differs between two runs, and with names in place of this side's ids."""
        answered = re.sub(r"(Date: |date: ).*", r"\1", answered)
        answered = re.sub(r'(X-Request-ID: |"request_id":")[0-9a-f]{16}\b', r"\1<request>", answered)
        answered = re.sub(r"dur=\d+\.\d\d", "dur=", answered)
        answered = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>", answered)
        answered = re.sub(r'"code":"[0-9A-Z]{8}"', '"code":"<code>"', answered)
        answered = re.sub(r'"seats_left":\d+', '"seats_left":<count>', answered)  # some seconds old
        answered = re.sub(r"\b\d{16}\b", lambda found: f"<version {int(found[0]) - self.first_version}>", answered)
        answered = re.sub(r'ETag: "[0-9a-f]{32}"', "ETag: <digest>", answered)  # of a body with this side's ids
        for number, reservation in enumerate(self.reservations):
            answered = re.sub(reservation, f"<reservation {number}>", answered, flags=re.IGNORECASE)
        for name in ("email", "key", "token", "user", "showtime"):
            answered = answered.replace(self.names[name], f"<{name}>")
        return answered


class Requests:
    """Odd requests, the same ones for the same seed."""

    def __init__(self, seed: int, seat_ids: list[int]) -> None:
        self.random = Random(seed)
        self.seat_ids = seat_ids
        self.number = 0

    def make(self) -> bytes:
        """One request, usual in most respects."""
        rare = self.random
        self.number += 1
        path = self.path()
        posts = path.endswith(("holds", "confirm", "cancel", "extend"))
        method = rare.choice(METHODS) if self.odd(0.06) else "POST" if posts != self.odd(0.05) else "GET"
        version = "1.1" if not self.odd(0.03) else rare.choice(["1.0", "1.0", "1.2", "2.0", "x"])
        headers = [] if self.odd(0.005) else ["Host: test"]
        if not self.odd(0.1):
            headers.append(
                "Authorization: Bearer <token>"
                if not self.odd(0.2)
                else f"Authorization: {rare.choice(AUTHORIZATIONS)}"
            )
        if self.odd(0.3) and not posts:
            headers.append(f"If-None-Match: {rare.choice(TAGS)}")
        if self.odd(0.3):
            headers.append(f"X-Request-ID: {self.number}")
        if self.odd(0.3):
            headers.append(f"Origin: {rare.choice([FRIEND, 'https://stranger.example', 'null', ''])}")
        if posts and self.odd(0.3):
            headers.append(f"Idempotency-Key: {rare.choice(KEYS).replace('<number>', str(self.number))}")
        if self.odd(0.08):
            headers.append(rare.choice(ODD_HEADERS))
        if self.odd(0.02):
            headers.append(rare.choice(headers or ["X: y"]))
        body = self.body(headers) if path.endswith("holds") or self.odd(0.08) else b""
        rare.shuffle(headers)
        if self.odd(0.3):
            headers = [self.other_case(header) for header in headers]
        lines = [f"{method} {path} HTTP/{version}", *headers, "", ""]
        return "\r\n".join(lines).encode() + body

    def odd(self, share: float) -> bool:
        """True for this share of the requests."""
        return self.random.random() < share

    def path(self) -> str:
        """A path, most often as a client sends it."""
        path = self.random.choice(PATHS)
        if self.odd(0.12):
            path = re.sub(r"<\w+>", lambda _: self.random.choice(IDS), path)
        if self.odd(0.1):
            path += self.random.choice(QUERIES)
        if not self.odd(0.1):
            return path
        place = self.random.randrange(len(path))
        changes: list[Callable[[], str]] = [
            lambda: path + "/",
            lambda: "/" + path,
            lambda: path.replace("/", "//", 1),
            lambda: f"http://test{path}",
            lambda: f"http://<token>@test:80{path}",
            lambda: (
                path.upper()
                .replace("<SHOWTIME>", "<showtime>")
                .replace("<RESERVATION>", "<reservation>")
                .replace("<MOVIE>", "1")
            ),
            lambda: re.sub(r"[a-z](?![^<]*>)", lambda found: f"%{ord(found[0]):02x}", path, count=1),
            lambda: path.replace("/", "%2F", 1),
            lambda: "/." + path,
            lambda: "/auth/.." + path,
            lambda: path[1:],
            lambda: path + quote("é"),
            lambda: path + "é",
            lambda: path + "%00",
            lambda: path + "%",
            lambda: path + " x",
            lambda: path.replace("<showtime>", "<showtime>/1"),
            lambda: path.replace("<showtime>", "{}"),
            lambda: path[:place].replace("<", "") if "<" in path[:place] else path[:place],
        ]
        return self.random.choice(changes)()

    def body(self, headers: list[str]) -> bytes:
        """A body; its headers are added to the others."""
        rare = self.random
        template = rare.choice(BODIES)
        count = template.count(b"%d")
        body = template % tuple(rare.sample(self.seat_ids, count)) if count else template
        headers.append(
            "Content-Type: application/json" if not self.odd(0.15) else f"Content-Type: {rare.choice(TYPES)}"
        )
        if self.odd(0.1):
            encoding, encode = rare.choice(ENCODINGS)
            headers.append(f"Content-Encoding: {encoding}")
            body = encode(body)
        length = f"Content-Length: {len(body)}"
        if self.odd(0.03):
            length = f"Content-Length: {rare.choice(LENGTHS).replace('<length>', str(len(body)))}"
        elif self.odd(0.1):
            length = "Transfer-Encoding: chunked"
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += rare.choice([b"0\r\n\r\n", b"0\r\n\r\n", b"0;a=b\r\n\r\n", b"0\r\nX-A: b\r\n\r\n", b"x\r\n\r\n"])
            if self.odd(0.2):
                headers.append(f"Content-Length: {len(body)}")
        headers.append(length)
        return body

    def other_case(self, header: str) -> str:
        """The header with its name in other letters."""
        name, colon, value = header.partition(":")
        return "".join(self.random.choice([letter.lower(), letter.upper()]) for letter in name) + colon + value


@pytest.mark.parametrize("origins", ["", FRIEND], ids=["without CORS", "with CORS"])
async def test_odd_requests_get_the_same_bytes_from_both_ways(
    db: Connection, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origins: str
) -> None:
    for table, start in (
        ("users", 7_000_001),
        ("showtimes", 8_000_001),
    ):  # ids that nothing else in an answer can be taken for
        await db.execute(f"alter table {table} alter column id restart with {start}")
    by_application = 0  # of the first service
    clients = []
    logs = []
    for direct in (True, False):
        logs.append(io.StringIO())
        monkeypatch.setattr(middleware, "standard_error", lambda log=logs[-1]: log)
        app = make_app(
            make_settings(
                database_url, redis_url, tmp_path, ACCESS_LOG="on", MAX_BODY_BYTES="2048", CORS_ORIGINS=origins
            )
        )
        clients.append(TestClient(ServiceServer(app)))
        await clients[-1].start_server()
        server: Any = clients[-1].server
        # Behind the direct routes.
        application = server.runner.server.request_handler.__self__._application
        server.runner.server.request_handler = application
        if direct:

            def counted(request: Any, application: Any = application) -> Any:
                nonlocal by_application
                by_application += 1
                return application(request)

            server.runner.server.request_handler = DirectRoutes(app, counted).handle
    sides = await two_sides(clients, logs, database_url)
    requests = Requests(12, sides[0].cinema.seat_ids)
    for _ in range(CONNECTIONS):
        batch = [requests.make() for _ in range(requests.random.randint(1, MOST_PIPELINED))]
        sent = [[side.filled(request) for request in batch] for side in sides]
        answered = await asyncio.gather(*(side.exchange(each) for side, each in zip(sides, sent, strict=True)))
        for side, each in zip(sides, answered, strict=True):
            side.learn(each)
        normal = [side.normal(inflated(each).decode("latin-1")) for side, each in zip(sides, answered, strict=True)]
        assert normal[0] == normal[1], sent[0]
        assert re.search(r"HTTP/1.[01] \d{3} ", normal[0])
    for client in clients:
        await client.close()
    lines = [
        [(line["method"], side.normal(line["path"]), line["status"]) for line in requests_in(side.log.getvalue())]
        for side in sides
    ]
    alike = lines[1]
    assert lines[0][-len(alike) :] == alike  # the first one's begin with the preparations
    assert {200, 201, 304, 400, 401, 404, 405, 409, 413, 415, 417, 422} <= {status for _, _, status in alike}
    parsed = sum(method != "UNKNOWN" for method, _, _ in alike)
    assert len(alike) / 4 < parsed - by_application < len(alike) * 3 / 4


def inflated(answered: bytes) -> bytes:
    """The answers with gzip bodies in plain: compressed, two versions and ids of the same length differ everywhere."""
    head, magic, body = answered.partition(b"\x1f\x8b\x08")
    if not magic:
        return head
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    plain = stream.decompress(magic + body)
    before, length, after = head.rpartition(b"Content-Length: ")
    return before + length + b"<inflated>" + after.lstrip(b"0123456789") + plain + inflated(stream.unused_data)


async def two_sides(clients: list[Any], logs: list[io.StringIO], database_url: str) -> list[Side]:
    """Two customers with an API key and a showtime each; what differs between them has as many characters."""
    api = Api(clients[0], database_url)
    people = [await api.sign_up(), await api.sign_up()]
    while len(people[-1].email) != len(people[-2].email):
        people.append(await api.sign_up())
    cinema = await api.cinema()
    showtimes = [cinema.showtime_id, await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(72))]
    sides = []
    for client, log, person, showtime_id in zip(clients, logs, people[-2:], showtimes, strict=True):
        key = {"name": "Kiosk", "scopes": ["booking"], "user_id": person.id}
        names = {
            "token": person.access_token,
            "email": person.email,
            "user": str(person.id),
            "key": (await api.make("/admin/api-keys", key))["key"],
            "showtime": str(showtime_id),
            "movie": str(cinema.movie_id),
            "version": str((await api.call("GET", f"/showtimes/{showtime_id}/seats")).json["version"]),
        }
        sides.append(Side(client, names, cinema, log, int(names["version"])))
    return sides


def test_the_installed_version_of_aiohttp_is_known() -> None:
    assert KNOWN_VERSIONS.fullmatch(aiohttp.__version__)


async def test_an_unknown_version_of_aiohttp_leaves_all_to_the_application(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiohttp, "__version__", "3.15.0")
    api = await start_api()
    server: Any = api.client.server
    assert not isinstance(getattr(server.runner.server.request_handler, "__self__", None), DirectRoutes)
    assert (await api.call("GET", "/health")).json == {"status": "ok"}


async def test_of_many_paths_few_are_kept_and_each_is_answered(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_routes, "MOST_RECENT", 3)
    cinemas = [await api.cinema() for _ in range(4)]
    long = f"/showtimes/{'1' * direct_routes.MOST_CHARS}"
    routes: Any = api.client.server
    kept = routes.runner.server.request_handler.__self__._recent
    for _ in range(2):
        for cinema in cinemas:
            assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}")).json["id"] == cinema.showtime_id
            assert len(kept) <= 3
        assert (await api.call("GET", long)).status == 404
        assert long not in kept
    assert f"/showtimes/{cinemas[-1].showtime_id}" in kept
