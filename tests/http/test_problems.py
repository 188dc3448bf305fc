"""Invalid requests of all kinds get a problem document: never a 500, a traceback or HTML."""

import gzip
import json
import re
import zlib
from typing import Any

import pytest
from yarl import URL

from reservation.app import TABLES
from reservation.http.input.bodies import FORM
from tests.api import PASSWORD, Answer, Api, slot
from tests.conftest import StartApi

OPERATIONS = [operation for table in TABLES for operation in table.operations]
# Stripe's events have a signature, which comes before everything else: tests/payments.
TAKING = [
    operation for operation in OPERATIONS if operation.body is not None and operation.path != "/payments/stripe/webhook"
]

SEAT = {"row_label": "A", "seat_number": 1, "seat_type": "regular", "price_modifier": "1.00", "x": 1, "y": 1}
SHOWTIME = {
    "movie_id": 1,
    "auditorium_id": 1,
    "base_price": "10.00",
    **slot(24),
    "format": "3D",
    "audio_language": "en",
    "subtitle_language": "de",
    "on_sale_at": None,
    "sales_end_at": None,
    "waiting_room": False,
}
CINEMA = {"name": "C", "address": "a", "timezone": "Europe/Berlin"}
ROOM = {"name": "R", "capacity": 5, "extra_metadata": {"a": 1}, "focal_row": "C", "cinema_id": 1}
FILM = {
    "title": "T",
    "duration_minutes": 90,
    "description": "d",
    "poster_url": "https://example.com/p",
    "genre": "g",
    "genres": ["g", "h"],
    "age_rating": "PG",
    "release_date": "2000-01-31",
    "original_language": "en",
    "director": "D",
    "waiting_room": True,
}
# A valid body for each operation that takes one; a new operation with a body needs a line here.
TICKET_TYPE = {"name": "N", "price_factor": "1.00", "fixed_price": None, "position": 1, "active": True}
WEBHOOK = {"url": "https://receiver.example/", "events": ["reservation.held"], "active": True}
RIGHT: dict[str, dict[str, Any]] = {
    "/auth/signup": {"name": "N", "email": "hostile@example.com", "password": PASSWORD},
    "/auth/me": {"name": "N"},
    "/auth/password": {"current_password": PASSWORD, "new_password": PASSWORD + "!"},
    "/auth/password/forgot": {"email": "hostile@example.com"},
    "/auth/password/reset": {"token": "t", "new_password": PASSWORD},
    "/auth/email/verify": {"token": "t"},
    "/auth/guest": {"name": "N", "email": "hostile@example.com"},
    "/auth/login": {"email": "hostile@example.com", "password": PASSWORD},
    "/auth/refresh": {"refresh_token": "t"},
    "/auth/reauthenticate": {"password": PASSWORD + "!"},
    "/auth/totp/confirm": {"code": "123456"},
    "DELETE /auth/totp": {"code": "123456"},
    "DELETE /auth/me": {"password": PASSWORD + "!"},
    "/auth/logout": {"refresh_token": "t"},
    "/showtimes/{showtime_id}/holds": {"seat_ids": [1]},
    "/admin/reservations/{reservation_id}/cancel": {"reason": "R"},
    "/reservations/{reservation_id}/pay": {"provider": "external"},
    "/reservations/{reservation_id}/cancel": {"seat_ids": [1]},
    "/reservations/{reservation_id}/seats": {"seat_ids": [1]},
    "/reservations/{reservation_id}/exchange": {"seat_ids": [1], "showtime_id": 1},
    "/check-ins": {"code": "0123456789", "showtime_id": 1, "checked_in_at": "2030-01-01T19:00:00Z"},
    "/admin/cinemas": CINEMA,
    "/admin/cinemas/{cinema_id}": CINEMA,
    "/admin/movies": FILM,
    "/admin/movies/{movie_id}": FILM,
    "/admin/auditoriums": ROOM,
    "/admin/auditoriums/{auditorium_id}": ROOM,
    "/admin/auditoriums/{auditorium_id}/seats/batch": {
        "rows": 1,
        "seats_per_row": 1,
        "seat_type": "regular",
        "price_modifier": "1.00",
        "aisles_after": [1],
    },
    "/admin/auditoriums/{auditorium_id}/seats": {"seats": [SEAT]},
    "/admin/seats/{seat_id}": SEAT,
    "POST /admin/showtimes/{showtime_id}/blocks": {"seat_ids": [1], "reason": "House seats"},
    "DELETE /admin/showtimes/{showtime_id}/blocks": {"seat_ids": [1]},
    "/admin/ticket-types": TICKET_TYPE,
    "/admin/ticket-types/{ticket_type_id}": TICKET_TYPE,
    "/admin/showtimes": SHOWTIME,
    "/admin/showtimes/batch": {"showtimes": [SHOWTIME], "all_or_nothing": False},
    "/admin/showtimes/copy": {"from": "2030-01-01", "to": "2030-01-02", "cinema_id": 1, "shift_days": 7},
    "/admin/showtimes/{showtime_id}/cancel": {"reason": "Flooded."},
    "/admin/showtimes/{showtime_id}": SHOWTIME,
    "/admin/users/{user_id}/role": {"role": "user"},
    "/admin/users/{user_id}/disabled": {"disabled": False},
    "/admin/webhooks": WEBHOOK,
    "/admin/webhooks/{webhook_id}": WEBHOOK,
    "/admin/api-keys": {"name": "K", "user_id": 1, "scopes": ["booking"], "expires_at": "2100-01-01T00:00:00Z"},
}


def right_body(operation: Any) -> dict[str, Any]:
    """That of its method, if the path takes different ones."""
    return RIGHT.get(f"{operation.method} {operation.path}") or RIGHT[operation.path]


NOT_JSON = {
    "empty": b"",
    "blank": b"  ",
    "half": b'{"a":',
    "two": b"{} {}",
    "comma": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "1e400": b'{"a":1e400}',
    "10**400": b'{"a":1' + b"0" * 400 + b"}",
    "broken UTF-8": b'{"a":"\xff"}',
    "overlong UTF-8": b'{"a":"\xc0\x80"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "lone surrogate": b'{"a":"\\ud800"}',
    "surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "NUL": b'{"a":"\\u0000"}',
    "NUL in a name": b'{"\\u0000":1}',
    "NUL in depth": b'{"a":[{"b":"x\\u0000"}]}',
    "deep": b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    "deeper": b"[" * 10_000,
    "deep in a member that is there twice": b'{"a":' + b"[" * 1000 + b"]" * 1000 + b',"a":1}',
    "deep objects": b'{"a":' * 2500 + b"1" + b"}" * 2500,
}
NO_OBJECT = {"list": b"[]", "null": b"null", "text": b'"text"', "number": b"1", "true": b"true"}
WRONG: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, -1e308, 1e-320, 2**31, 2**63 - 1, 2**63, 2**64, 10**30, "", " ", "x", "-1",
    "NaN", "Infinity", "1e5", "９", "0x10", "\u202e", "\ufffe", "'; drop table seats; --", "%00", "a" * 10_000,
    [], [None], [[]], [1, 1], ["1"], [1.0], [True], [2**63], [0], list(range(1, 2000)), {}, {"a": 1}, {"$ne": None},
)  # fmt: skip
IDS = (
    "0", "-1", "+1", "abc", str(2**31), str(2**63 - 1), str(2**63), str(2**64), "9" * 400, "1e5", "1.0", "%00", "1%00",
    "%EF%BC%91", "%D9%A1", "%C2%B2", "%20", "1%20", "%FF", "%ED%A0%80", "'", "null", "{}", "1%0A", "%25", "1,2",
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
)  # fmt: skip


def concrete(path: str, an_id: str = "1") -> str:
    return re.sub(r"\{\w+\}", an_id, path)


def check(answer: Answer, what: str, *allowed: int) -> None:
    """A problem document with one of these statuses."""
    assert answer.status in allowed, f"{what}: {answer.status} {answer.text}"
    assert answer.headers["Content-Type"].startswith("application/problem+json"), what
    problem = answer.json
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem), what
    assert problem["status"] == answer.status
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert re.fullmatch(r"[a-z_]+", problem["code"])
    assert "Server-Timing" in answer.headers
    assert "Traceback" not in answer.text
    assert (answer.code == "validation_error") is (answer.status == 422)
    assert all(re.fullmatch(r"(/.*)?", error["pointer"]) for error in problem.get("errors", ()))


async def send(api: Api, operation: Any, data: bytes, **headers: str) -> Answer:
    headers = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    path = concrete(operation.path)
    return await api.call(operation.method, path, data=data, headers=headers, who=await api.admin())


def test_every_operation_with_a_body_is_tested() -> None:
    assert {operation.path for operation in TAKING} == {path.rpartition(" ")[2] for path in RIGHT}


@pytest.mark.parametrize("operation", TAKING, ids=lambda operation: f"{operation.method} {operation.path}")
async def test_a_hostile_body_is_a_problem_and_never_a_500(api: Api, operation: Any) -> None:
    await api.cinema()
    right = right_body(operation)
    for what, data in NOT_JSON.items():
        check(await send(api, operation, data), what, 404 if operation.may_lack_body and not data else 400)
    for what, data in NO_OBJECT.items():
        check(await send(api, operation, data), what, 404 if operation.may_lack_body and what == "null" else 422)
    unknown = await send(api, operation, json.dumps(right | {"a/b~c": 1}).encode())
    check(unknown, "unknown field", 422)
    assert [error["pointer"] for error in unknown.json["errors"]] == ["/a~1b~0c"]
    for name in right:
        for value in WRONG:
            answer = await send(api, operation, json.dumps(right | {name: value}).encode())
            if answer.status >= 300:
                check(answer, f"{name}: {value!r:.50}", 401, 404, 409, 422)


@pytest.mark.parametrize("operation", TAKING, ids=lambda operation: f"{operation.method} {operation.path}")
async def test_a_wrong_encoding_or_type_is_a_problem(start_api: StartApi, operation: Any) -> None:
    api = await start_api(MAX_BODY_BYTES="4096")
    right = json.dumps(right_body(operation)).encode()
    for kind in (
        "text/plain",
        FORM,
        "multipart/form-data; boundary=x",
        "text/json",
        "x",
    ):
        if operation.form is None or kind != FORM:
            check(await send(api, operation, right, Content_Type=kind), kind, 415)
    check(await send(api, operation, b'{"a":"' + b"a" * 5000 + b'"}'), "long", 413)
    bomb = gzip.compress(b'{"a":"' + b"a" * 1_000_000 + b'"}')
    assert len(bomb) < 4096
    check(await send(api, operation, bomb, Content_Encoding="gzip"), "bomb", 413)
    # A body that cannot be decoded ends the connection, too, so the next request needs another.
    for data in (b"nonsense", gzip.compress(right)[:12], b"\x1f\x8b"):
        check(await send(api, operation, data, Content_Encoding="gzip", Connection="close"), f"gzip {data!r}", 400)
    check(await send(api, operation, b"nonsense", Content_Encoding="deflate", Connection="close"), "deflate", 400)
    for encoding, data in (("gzip", gzip.compress(right)), ("deflate", zlib.compress(right))):
        answer = await send(api, operation, data, Content_Encoding=encoding)
        assert answer.status in {200, 201, 202, 204, 401, 404, 409, 422}, answer.text
        if answer.status == 422:
            assert answer.json["errors"][0]["pointer"] in {"/auditorium_id", "/seat_ids/0"}


@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS if "{" in operation.path}))
async def test_an_impossible_id_is_404_or_422(shared_api: Api, path: str) -> None:
    admin = await shared_api.admin()
    for operation in (operation for operation in OPERATIONS if operation.path == path):
        for an_id in IDS:
            url = URL(concrete(path, an_id), encoded=True)
            answer = await shared_api.call(
                operation.method, str(url), None if operation.body is None else right_body(operation), who=admin
            )
            check(answer, f"{operation.method} {url}", 404, 422)


@pytest.mark.parametrize(
    "path",
    [
        *("/nothing", "/movies/", "/MOVIES", "/movies/1/2", "/movies%2F1", "/admin", "/%00", "/%FF", "/.env"),
        *("/static/", "/static/nothing", "/static/%00", "/static/..%2f..%2f..%2fetc%2fpasswd", "/static/%2e%2e/app.py"),
    ],
)
async def test_an_unknown_route_is_404(shared_api: Api, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "PATCH"):
        answer = await shared_api.call(method, path)
        check(answer, f"{method} {path}", 404)
        assert answer.code == "not_found"


async def test_a_wrong_method_is_405_with_allow(api: Api) -> None:
    paths = {operation.path for operation in OPERATIONS}
    for path in paths:
        right = {operation.method for operation in OPERATIONS if operation.path == path}
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} - right:
            answer = await api.call(method, concrete(path))
            check(answer, f"{method} {path}", 405)
            assert answer.code == "method_not_allowed"
            assert right <= set(re.split(r",\s*", answer.headers["Allow"])) <= right | {"HEAD"}


async def test_head_has_the_status_and_type_of_get(api: Api) -> None:
    for path, status in {"/movies": 200, "/health": 200, "/movies/4711": 404, "/nothing": 404}.items():
        got, head = await api.call("GET", path), await api.call("HEAD", path)
        assert (head.status, head.text, got.status) == (status, "", status)
        assert head.headers["Content-Type"] == got.headers["Content-Type"]


@pytest.mark.parametrize("given", ["abc", "0b5e-41_x.y:z/1+2=@", "a" * 128])
async def test_a_valid_request_id_is_echoed(api: Api, given: str) -> None:
    for path in ("/health", "/nothing", "/movies/0"):
        answer = await api.call("GET", path, headers={"X-Request-ID": given})
        assert answer.headers["X-Request-ID"] == given
        assert answer.status == 200 or answer.json["request_id"] == given


@pytest.mark.parametrize("given", ["", " ", "a b", "a" * 129, 'a"b', "é", "a;b", "<script>", "a\tb"])
async def test_an_unprintable_request_id_is_replaced(shared_api: Api, given: str) -> None:
    answer = await shared_api.call("GET", "/nothing", headers={"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-ID"])
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


async def test_generated_request_ids_differ(api: Api) -> None:
    made = {(await api.call("GET", "/health")).headers["X-Request-ID"] for _ in range(20)}
    assert len(made) == 20


async def test_server_timing_splits_the_time(api: Api) -> None:
    cinema = await api.cinema()
    answer = await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")
    parts = dict(part.split(";dur=") for part in answer.headers["Server-Timing"].split(", "))
    assert set(parts) == {"pool", "postgresql", "redis", "total"}
    assert float(parts["postgresql"]) > 0
    assert float(parts["redis"]) > 0
    health = await api.call("GET", "/health")
    assert "postgresql;dur=0.00" in health.headers["Server-Timing"]
