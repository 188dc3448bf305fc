"""Pages of the listed origins can read every answer, and send and read every header that the service knows."""

import ast
import asyncio
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

import reservation.http
from reservation.app import openapi_json
from reservation.http.cors import ALLOWED, EXPOSED
from reservation.settings import Settings
from tests.api import PASSWORD, Answer, Api
from tests.conftest import StartApi
from tests.http.test_responses import connected

LISTED, OTHER, UNLISTED = "https://cinema.example", "https://other.example:8443", "https://evil.example"
ALLOWED_NAMES, EXPOSED_NAMES = set(ALLOWED.lower().split(", ")), set(EXPOSED.lower().split(", "))
HEADER_NAME = re.compile(
    r"(?:X-)?[A-Z][A-Za-z]+(?:-[A-Z][A-Za-z]+)+|Accept|Allow|Authorization|Date|ETag|Link|Location|Origin|Range"
    r"|RateLimit|Vary"
)
# Those that a page can neither set nor needs to read: the browser's, the proxies', and the connection's.
BROWSERS = {
    "Accept-Encoding", "Origin", "X-Forwarded-For", "Content-Length", "Content-Security-Policy", "Referrer-Policy",
    "X-Content-Type-Options", "X-Accel-Buffering",
}  # fmt: skip


@pytest.fixture
async def cors(start_api: StartApi) -> Api:
    return await start_api(
        CORS_ORIGINS=f"{LISTED}, {OTHER}/", SIGNUPS_PER_MINUTE_PER_ADDRESS="2", MAX_BODY_BYTES="4096"
    )


async def preflight(
    api: Api, origin: str, method: str = "POST", headers: str = "", path: str = "/showtimes/1/holds", **more: str
) -> Answer:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    more = {name.replace("_", "-"): value for name, value in more.items()}
    return await api.call("OPTIONS", path, headers={"Origin": origin, **asked, **more})


@pytest.mark.parametrize("origin", [LISTED, OTHER])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_preflight_from_a_listed_origin_is_allowed(cors: Api, origin: str, method: str) -> None:
    answer = await preflight(cors, origin, method, "authorization,content-type,idempotency-key,if-match,x-request-id")
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert int(answer.headers["Access-Control-Max-Age"]) >= 600
    assert "Origin" in answer.headers["Vary"]
    assert "X-Request-ID" in answer.headers
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Access-Control-Allow-Private-Network" not in answer.headers


@pytest.mark.parametrize(
    "names",
    [
        "traceparent,tracestate,baggage", "b3,sentry-trace", "cache-control,pragma", "x-requested-with",
        "if-match, if-none-match", "if-modified-since,if-unmodified-since,if-range,range", "idempotency-key",
        "accept,accept-language,content-language", "last-event-id", "x-request-id,x-correlation-id", "content-encoding",
        "AUTHORIZATION , Content-Type", "prefer", "",
    ],
)  # fmt: skip
async def test_preflight_allows_the_headers_that_libraries_send(cors: Api, names: str) -> None:
    answer = await preflight(cors, LISTED, headers=names)
    assert answer.status == 200, answer.text
    allowed = set(answer.headers["Access-Control-Allow-Headers"].lower().split(", "))
    assert {name.strip().lower() for name in names.split(",")} - {""} <= allowed


@pytest.mark.parametrize("path", ["/nothing", "/movies/", "/docs", "/v1/openapi.json", "/static/nothing", "/health"])
async def test_preflight_is_allowed_for_every_address_so_that_a_404_can_be_read(cors: Api, path: str) -> None:
    assert (await preflight(cors, LISTED, "GET", path=path)).status == 200
    assert (await cors.call("GET", path, headers={"Origin": LISTED})).headers["Access-Control-Allow-Origin"] == LISTED


async def test_preflight_from_a_public_page_to_a_private_network_is_allowed(cors: Api) -> None:
    asked = {"Access_Control_Request_Private_Network": "true"}
    assert (await preflight(cors, LISTED, **asked)).headers["Access-Control-Allow-Private-Network"] == "true"
    assert "Access-Control-Allow-Private-Network" not in (await preflight(cors, UNLISTED, **asked)).headers


@pytest.mark.parametrize("origin", [UNLISTED, f"{LISTED}.evil", "http://cinema.example", "null", "", "*"])
async def test_preflight_from_another_origin_is_403(cors: Api, origin: str) -> None:
    answer = await preflight(cors, origin)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "headers", "named"),
    [("TRACE", "", "method"), ("post", "", "method"), ("POST", "accept,X-Evil", "x-evil")],
)
async def test_preflight_for_another_method_or_header_is_403_which_names_it(
    cors: Api, method: str, headers: str, named: str
) -> None:
    answer = await preflight(cors, LISTED, method, headers)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert named in answer.json["detail"]
    assert "Access-Control-Allow-Methods" not in answer.headers
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED


async def every_kind_of_answer(api: Api, origin: str) -> dict[str, Answer]:
    """Answers of the handlers, the middleware and the router, by what they are."""
    headers, who = {"Origin": origin}, await api.sign_up()
    movie_id = await api.movie()
    tag = (await api.call("GET", f"/movies/{movie_id}")).headers["ETag"]
    body = {"name": "N", "email": "a@example.com", "password": PASSWORD}
    as_json = headers | {"Content-Type": "application/json"}
    as_text = headers | {"Content-Type": "text/plain"}
    return {
        "200": await api.call("GET", "/movies", headers=headers),
        "304": await api.call("GET", f"/movies/{movie_id}", headers=headers | {"If-None-Match": tag}),
        "document": await api.call("GET", "/openapi.json", headers=headers),
        "page": await api.call("GET", "/docs", headers=headers),
        "asset": await api.call("GET", "/static/docs/docs.css", headers=headers),
        "metrics": await api.call("GET", "/metrics", headers=headers),
        "400": await api.call("POST", "/auth/login", data=b"{", headers=as_json),
        "401": await api.call("GET", "/auth/me", headers=headers),
        "403": await api.call("GET", "/admin/users", headers=headers, who=who),
        "404": await api.call("GET", "/movies/4711", headers=headers),
        "404 of the router": await api.call("GET", "/nothing", headers=headers),
        "405 of the router": await api.call("PATCH", "/movies", headers=headers),
        "405 of OPTIONS": await api.call("OPTIONS", "/movies", headers=headers),
        "HEAD": await api.call("HEAD", "/movies", headers=headers),
        "HEAD 404": await api.call("HEAD", "/nothing", headers=headers),
        "413": await api.call("POST", "/auth/login", data=b" " * 5000, headers=as_json),
        "415": await api.call("POST", "/auth/login", data=b"x", headers=as_text),
        "415 of the coding": await api.call("POST", "/auth/login", {}, headers=headers | {"Content-Encoding": "br"}),
        "422": await api.call("POST", "/auth/signup", {"role": "admin"}, headers=headers),
        "429": await api.call("POST", "/auth/signup", body, headers=headers),
    }


async def test_every_answer_names_the_origin_that_may_read_it(cors: Api) -> None:
    kinds = await every_kind_of_answer(cors, LISTED)
    for kind, answer in kinds.items():
        if kind[:3].isdigit():
            assert answer.status == int(kind[:3]), f"{kind}: {answer.status} {answer.text}"
        assert answer.headers["Access-Control-Allow-Origin"] == LISTED, kind
        assert answer.headers["Access-Control-Expose-Headers"] == EXPOSED, kind
        assert "Origin" in answer.headers["Vary"].split(", "), kind
        assert "X-Request-ID" in answer.headers, kind
        readable = EXPOSED_NAMES | {"content-type", "cache-control", "last-modified", "content-length"}
        sent = {name for name in answer.headers if not name.startswith("Access-Control-")} - BROWSERS
        assert {name for name in sent if name.lower() not in readable} <= {"Server", "Connection"}, kind


async def test_an_answer_to_another_origin_names_none(cors: Api) -> None:
    for kind, answer in (await every_kind_of_answer(cors, UNLISTED)).items():
        assert "Access-Control-Allow-Origin" not in answer.headers, kind
        assert "Origin" in answer.headers["Vary"].split(", "), kind


async def test_any_origin_is_allowed_by_a_star(start_api: StartApi) -> None:
    api = await start_api(CORS_ORIGINS="*")
    assert (await preflight(api, UNLISTED)).headers["Access-Control-Allow-Origin"] == UNLISTED
    answer = await api.call("GET", "/nothing", headers={"Origin": UNLISTED})
    assert answer.headers["Access-Control-Allow-Origin"] == UNLISTED


async def test_without_cors_origins_no_other_origin_is_allowed(api: Api) -> None:
    answer = await api.call("GET", "/movies", headers={"Origin": LISTED})
    assert not {"Access-Control-Allow-Origin", "Vary"} & set(answer.headers)
    assert (await preflight(api, LISTED)).status == 405


def names_in_the_code() -> set[str]:
    """The names of headers in the HTTP API's code, also those at the start of a line that is sent."""
    found = set()
    for path in Path(reservation.http.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path.name != "cors.py":
                found |= {
                    name
                    for name, _, value in (line.partition(":") for line in node.value.splitlines())
                    if HEADER_NAME.fullmatch(name) and (not value or value.startswith(" "))
                }
    return found


def test_every_header_in_the_code_may_be_sent_or_read_by_pages() -> None:
    names = names_in_the_code()
    assert {"ETag", "X-Request-ID", "Idempotency-Key", "RateLimit-Policy", "Retry-After", "If-None-Match"} <= names
    assert {name for name in names - BROWSERS if name.lower() not in ALLOWED_NAMES | EXPOSED_NAMES} <= {
        "Cache-Control", "Content-Type", "Expect", "Stripe-Signature",  # which Stripe's server sends, and no page
    }  # fmt: skip


def resolved(document: dict[str, Any], kind: str, part: dict[str, Any]) -> Any:
    """A part of the document, or the component that it refers to."""
    return document["components"][kind][part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def test_every_header_in_the_document_may_be_sent_or_read_by_pages(settings: Settings) -> None:
    document: dict[str, Any] = orjson.loads(openapi_json(settings))
    taken, given = set(), set()
    for path in document["paths"].values():
        for operation in path.values():
            parameters = [resolved(document, "parameters", part) for part in operation.get("parameters", ())]
            taken |= {part["name"].lower() for part in parameters if part["in"] == "header"}
            for response in operation["responses"].values():
                given |= {name.lower() for name in resolved(document, "responses", response).get("headers", ())}
    assert "idempotency-key" in taken
    assert "etag" in given
    assert taken <= ALLOWED_NAMES
    assert given <= EXPOSED_NAMES | {"cache-control"}


async def test_pages_that_refresh_at_once_or_again_get_the_same_bytes(cors: Api) -> None:
    person = await cors.sign_up()
    assert (await preflight(cors, LISTED, headers="content-type,traceparent", path="/auth/refresh")).status == 200

    async def refresh(token: str) -> Answer:
        headers = {"Origin": LISTED, "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        return await cors.call("POST", "/auth/refresh", {"refresh_token": token}, headers=headers)

    answers = await asyncio.gather(*(refresh(person.refresh_token) for _ in range(6)))
    answers.append(await refresh(person.refresh_token))
    assert [answer.status for answer in answers] == [200] * 7
    assert len({answer.text for answer in answers}) == 1
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {LISTED}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert (await refresh(answers[0].json["refresh_token"])).status == 200


async def test_a_page_whose_refresh_was_lost_gets_the_pair_when_it_asks_again(cors: Api) -> None:
    person = await cors.sign_up()
    body = orjson.dumps({"refresh_token": person.refresh_token})
    headers = ("Content-Type: application/json", f"Origin: {LISTED}")
    for _ in range(3):
        async with connected(cors.client.server) as wire:  # which it aborts, whether or not the answer is there
            wire.send("POST", "/auth/refresh", *headers, body=body)
            await wire.writer.drain()
    async with connected(cors.client.server) as wire:
        again = await wire.ask("POST", "/auth/refresh", *headers, body=body)
    assert (again.status, again.headers["access-control-allow-origin"]) == (200, LISTED)
    pair = orjson.loads(again.body)
    me = await cors.call("GET", "/auth/me", headers={"Authorization": f"Bearer {pair['access_token']}"})
    assert (me.status, me.json["email"]) == (200, person.email)
