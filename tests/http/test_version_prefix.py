"""Under /v1, operations give the answers that they give without it, with their links under /v1."""

from typing import Any
from uuid import uuid4

import pytest

from reservation.app import TABLES
from reservation.http.openapi.document import document
from tests.api import Api

# Operators have these addresses in their configuration, and RFC 8615 has /.well-known at the root.
WITHOUT_VERSION = {"/health", "/ready", "/metrics", "/.well-known/ticket-keys.json"}


def routed(api: Api) -> set[tuple[str, str]]:
    server: Any = api.client.server
    return {(route.method, route.resource.canonical) for route in server.app.router.routes()}


async def test_every_operation_but_those_of_the_root_is_served_under_v1(api: Api) -> None:
    operations = {(operation.method, operation.path) for table in TABLES for operation in table.operations}
    versioned = {(method, path) for method, path in operations if path not in WITHOUT_VERSION}
    assert len(operations) - len(versioned) == len(WITHOUT_VERSION)
    found = routed(api)
    assert operations <= found
    under_v1 = {(method, path.removeprefix("/v1")) for method, path in found if path.startswith("/v1/")}
    assert {(method, path) for method, path in under_v1 if method != "HEAD"} == {*versioned, ("GET", "/openapi.json")}
    assert {path for method, path in under_v1 if method == "HEAD"} == {
        path for method, path in under_v1 if method == "GET"
    }


async def test_answers_under_v1_equal_those_without_it(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    for path in (
        "/movies",
        f"/movies/{cinema.movie_id}",
        f"/showtimes/{cinema.showtime_id}",
        f"/showtimes/{cinema.showtime_id}/seats",
        f"/auditoriums/{cinema.auditorium_id}/layout",
        "/reservations",
        "/auth/me",
        "/movies/4711",
        "/movies?unknown=1",
        "/openapi.json",
    ):
        bare, versioned = [await api.call("GET", prefix + path, who=customer) for prefix in ("", "/v1")]
        assert versioned.status == bare.status
        assert versioned.json | {"request_id": ""} == bare.json | {"request_id": ""}
        assert versioned.headers.get("ETag") == bare.headers.get("ETag")


async def test_a_hold_is_found_confirmed_and_cancelled_at_its_location(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    path, body = f"/showtimes/{cinema.showtime_id}/holds", {"seat_ids": cinema.seat_ids[:2]}
    held = await api.call("POST", f"/v1{path}", body, who=customer)
    location = held.headers["Location"]
    assert (held.status, location) == (201, f"/v1/reservations/{held.json['id']}")
    assert (await api.call("GET", location, who=customer)).json == held.json
    for action, status in (("confirm", "confirmed"), ("cancel", "cancelled")):
        answer = await api.call("POST", f"{location}/{action}", who=customer)
        assert (answer.status, answer.json["status"]) == (200, status)
    lost = await api.call("POST", f"/v1{path}", {"seat_ids": [2**62]}, who=customer)
    assert (lost.status, "Location" in lost.headers) == (422, False)
    bare = await api.call("POST", path, body, who=customer)
    assert bare.headers["Location"] == f"/reservations/{bare.json['id']}"


async def test_the_next_page_of_a_list_is_under_the_prefix_of_the_request(api: Api) -> None:
    for _ in range(3):
        await api.movie()
    for prefix in ("", "/v1"):
        page = await api.call("GET", f"{prefix}/movies?limit=2")
        link, _, relation = page.headers["Link"].partition(">; ")
        assert relation == 'rel="next"'
        assert link.startswith(f"<{prefix}/movies?")
        following = await api.call("GET", link.removeprefix("<"))
        assert [movie["id"] for movie in following.json["items"]] == [page.json["items"][-1]["id"] + 1]


@pytest.mark.parametrize("prefixes", [("", "/v1"), ("/v1", "")])
async def test_an_idempotency_key_stands_for_the_request_with_either_path(api: Api, prefixes: tuple[str, str]) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    path, body = f"/showtimes/{cinema.showtime_id}/holds", {"seat_ids": cinema.seat_ids[:2]}
    key = {"Idempotency-Key": str(uuid4())}
    first, again = [await api.call("POST", each + path, body, who=customer, headers=key) for each in prefixes]
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == f"{prefixes[1]}/reservations/{first.json['id']}"


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/v1/movies", "/v2/movies", "/v1/docs", "/v1/metrics", "/v1/health"]
)
async def test_what_is_not_under_v1_is_404(shared_api: Api, path: str) -> None:
    answer = await shared_api.call("GET", path)
    assert (answer.status, answer.code) == (404, "not_found")


async def test_another_method_under_v1_is_405(api: Api) -> None:
    answer = await api.call("DELETE", "/v1/movies")
    assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", "GET,HEAD")


def test_the_document_names_both_servers_and_only_the_first_for_those_of_the_root() -> None:
    made: dict[str, Any] = document(TABLES, version="1", currency="EUR", max_body_bytes=4096)
    assert [server["url"] for server in made["servers"]] == ["/", "/v1"]
    own = {path for path, methods in made["paths"].items() for operation in methods.values() if "servers" in operation}
    assert own == WITHOUT_VERSION
    assert [server["url"] for server in made["paths"]["/metrics"]["get"]["servers"]] == ["/"]
