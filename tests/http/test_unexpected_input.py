"""Every operation refuses query parameters and bodies that it does not take."""

import re
from typing import Any

import pytest

from reservation.app import TABLES
from tests.api import Answer, Api, Person
from tests.conftest import StartApi

OPERATIONS = [operation for table in TABLES for operation in table.operations]
WITHOUT_BODY = [operation for operation in OPERATIONS if operation.body is None]
PAGES = ("/docs", "/redoc", "/openapi.json", "/static/docs/docs.css")
AS_JSON = {"Content-Type": "application/json"}

Pointers = list[str]


def name_of(operation: Any) -> str:
    return f"{operation.method} {operation.path}"


def path_of(operation: Any) -> str:
    """A path of the operation, with well-formed ids of no resource, and the query parameters that it needs."""
    an_id = "00000000-0000-0000-0000-000000000000" if "{reservation_id}" in operation.path else "4711"
    required = [name for name, field in operation.query.fields.items() if field.required] if operation.query else []
    query = "&".join(f"{name}=x" for name in required)
    return re.sub(r"\{\w+\}", an_id, operation.path) + (f"?{query}" if query else "")


def pointers_of(answer: Answer) -> Pointers:
    """The JSON pointers of a 422's errors."""
    assert (answer.status, answer.code) == (422, "validation_error"), answer.text
    return sorted(error["pointer"] for error in answer.json["errors"])


async def send(api: Api, operation: Any, data: bytes | None, who: Person | None, **headers: str) -> Answer:
    return await api.call(operation.method, path_of(operation), data=data, headers=AS_JSON | headers, who=who)


async def test_an_unknown_query_parameter_is_422_for_every_operation(api: Api) -> None:
    admin = await api.admin()
    for operation in OPERATIONS:
        path = path_of(operation)
        answer = await api.call(operation.method, f"{path}{'&' if '?' in path else '?'}a~b/c=1&tru=2", who=admin)
        assert pointers_of(answer) == ["/a~0b~1c", "/tru"], name_of(operation)


@pytest.mark.parametrize("path", PAGES)
async def test_an_unknown_query_parameter_is_422_for_every_page(api: Api, path: str) -> None:
    assert pointers_of(await api.call("GET", f"{path}?x=1")) == ["/x"]
    assert (await api.call("GET", f"{path}?", allow_redirects=False)).status in {200, 302}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/showtimes/4711/holds", '{"seat_ids": [1], "seat_ids": [2]}'),
        ("/showtimes/4711/holds", '{"quantity": 1, "quantity" : 2}'),
        ("/showtimes/4711/holds", r'{"quantity": 1, "quanti\u0074y": 2}'),
        ("/showtimes/4711/holds", '{"seats": [{"seat_id": 1, "ticket_type_id": 1, "seat_id": 2}]}'),
        ("/showtimes/4711/holds", '{"seat_ids": [1], "metadata": {"a": {"b": 1, "b": 1.5}}}'),
        ("/auth/login", '{"email": "a@example.com", "password": "a:b", "email": "b@example.com"}'),
        ("/reservations/00000000-0000-0000-0000-000000000000/cancel", '{"seat_ids": [1], "seat_ids": [2]}'),
        ("/reservations/00000000-0000-0000-0000-000000000000/confirm", '{"a": 1, "a": 1}'),
    ],
)
async def test_a_body_with_two_members_of_one_name_is_400(shared_api: Api, path: str, body: str) -> None:
    answer = await shared_api.call("POST", path, data=body, headers=AS_JSON, who=await shared_api.admin())
    assert (answer.status, answer.code) == (400, "invalid_json"), answer.text
    assert answer.json["detail"] == "An object of the body has two members of one name."


async def test_a_member_that_is_there_twice_may_not_be_nested_deeper_than_others(api: Api) -> None:
    """orjson keeps the last member alone, so that the depth of the value is that of a flat one."""
    for path in ("/auth/login", "/showtimes/4711/holds"):
        nested = b'{"seat_ids":' + b"[" * 1000 + b"]" * 1000 + b',"seat_ids":[1]}'
        answer = await api.call("POST", path, data=nested, headers=AS_JSON, who=await api.admin())
        assert (answer.status, answer.code) == (400, "invalid_json"), answer.text
        assert answer.json["detail"] == "The body is nested deeper than 32 levels."
    small = b'{"seat_ids":' + b"[" * 495 + b"]" * 495 + b',"seat_ids":[1]}'
    answer = await api.call("POST", path, data=small, headers=AS_JSON, who=await api.admin())
    assert (answer.status, answer.code) == (400, "invalid_json"), answer.text


async def test_colons_in_texts_and_equal_names_in_different_objects_are_no_repetition(api: Api) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    metadata = {"a": {"a": "::", ":": {"a": "2026-01-01T00:00:00Z"}}, "number": 12345678901234}
    body = {"seat_ids": cinema.seat_ids[:1], "reference": "a:b", "metadata": metadata}
    held = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=person)
    assert held.status == 201, held.text


async def test_a_body_without_a_meaning_is_422_for_every_operation_without_one(api: Api) -> None:
    admin = await api.admin()
    refused = {b'{"seat_ids": [1]}': ["/seat_ids"], b'{"a/b": null, "c": 1}': ["/a~1b", "/c"], b"[]": [""], b"0": [""]}
    for operation in WITHOUT_BODY:
        for data, pointers in refused.items():
            assert pointers_of(await send(api, operation, data, admin)) == pointers, f"{name_of(operation)}: {data!r}"


@pytest.mark.parametrize("path", PAGES)
async def test_a_body_is_422_for_every_page(api: Api, path: str) -> None:
    assert pointers_of(await api.call("GET", path, {"x": 1})) == ["/x"]


async def test_an_empty_body_an_empty_object_and_null_count_as_no_body(api: Api) -> None:
    admin = await api.admin()
    for operation in WITHOUT_BODY:
        if "events" in operation.path:
            continue  # a stream does not end: see the tests of the live map
        if (operation.method, operation.path) == ("DELETE", "/auth/sessions"):
            continue  # it ends the administrator's session
        without = await api.call(operation.method, path_of(operation), who=admin)
        for data in (b"", b"{}", b" null "):
            answer = await send(api, operation, data, admin)
            assert answer.status == without.status, f"{name_of(operation)}: {data!r}: {answer.text}"


async def test_a_malformed_body_is_400_and_another_content_type_is_415(api: Api) -> None:
    admin = await api.admin()
    for operation in WITHOUT_BODY:
        for data in (b"{", b"\xff", b"[" * 10_000, b'["\\u0000"]'):
            answer = await send(api, operation, data, admin)
            assert (answer.status, answer.code) == (400, "invalid_json"), f"{name_of(operation)}: {data[:9]!r}"
        for content_type in ("text/plain", "application/x-www-form-urlencoded"):
            answer = await send(api, operation, b"{}", admin, **{"Content-Type": content_type})
            assert (answer.status, answer.code) == (415, "unsupported_media_type"), name_of(operation)


async def test_another_content_type_without_a_body_is_fine(api: Api) -> None:
    """As `curl -X POST -d ''` sends it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await api.call("GET", "/health", headers=headers)).status == 200
    person = await api.sign_up()
    for what in ("confirm", "extend", "cancel"):
        path = f"/reservations/00000000-0000-0000-0000-000000000000/{what}"
        assert (await api.call("POST", path, data=b"", headers=headers, who=person)).status == 404


async def test_a_body_longer_than_the_limit_is_413(start_api: StartApi) -> None:
    api = await start_api(MAX_BODY_BYTES="1024")
    answer = await send(api, WITHOUT_BODY[0], b'"' + b"a" * 1024 + b'"', None)
    assert (answer.status, answer.code) == (413, "payload_too_large")


async def test_a_request_without_a_token_is_401_whatever_its_input(api: Api) -> None:
    for operation in OPERATIONS:
        if operation.access.value != "public":
            answer = await api.call(operation.method, f"{path_of(operation)}?x=1", data=b'{"x": 1}', headers=AS_JSON)
            assert (answer.status, answer.code) == (401, "not_authenticated"), name_of(operation)


@pytest.mark.parametrize(
    ("what", "pointer"), [("confirm", "/seat_ids"), ("extend", "/seat_ids"), ("cancel", "/seat_ids/0")]
)
async def test_a_body_with_seat_ids_of_others_leaves_the_reservation_as_it_was(
    api: Api, what: str, pointer: str
) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    held = (await api.hold(person, cinema.showtime_id, cinema.seat_ids[:2])).json
    path = f"/reservations/{held['id']}"
    answer = await api.call("POST", f"{path}/{what}", data=b'{"seat_ids": [4711]}', headers=AS_JSON, who=person)
    assert pointers_of(answer) == [pointer]
    assert (await api.call("GET", path, who=person)).json == held
    answer = await api.call("POST", f"{path}/{what}?force=true", who=person)
    assert pointers_of(answer) == ["/force"]
    assert (await api.call("GET", path, who=person)).json == held


async def test_an_empty_body_and_an_empty_object_are_the_same_request_to_an_idempotency_key(api: Api) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    held = (await api.hold(person, cinema.showtime_id, cinema.seat_ids[:2])).json
    headers = AS_JSON | {"Idempotency-Key": "once"}
    for data in (b"", b"{}", b"null"):
        path = f"/reservations/{held['id']}/cancel"
        answer = await api.call("POST", path, data=data, headers=headers, who=person)
        assert (answer.status, answer.json["status"]) == (200, "cancelled")
        assert ("Idempotent-Replayed" in answer.headers) is (data != b"")
