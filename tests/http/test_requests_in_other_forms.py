"""What HTTP lets clients write in several ways: media types, addresses, queries, encodings, and HEAD for GET."""

import json
from email.utils import parsedate_to_datetime

import pytest
from yarl import URL

from tests.api import Answer, Api
from tests.encodings import GZIP, PLAIN
from tests.http.test_responses import Read, connected

LOGIN = {"email": "nobody@example.com", "password": "x"}
READ = (
    "/movies", "/movies/{movie}", "/movies/4711", "/showtimes/{showtime}/seats",
    "/showtimes/{showtime}/seats?fields=status", "/auditoriums/{auditorium}/layout",
    "/openapi.json", "/v1/openapi.json", "/docs", "/redoc", "/static/docs/docs.css",
    "/static/swagger-ui/swagger-ui-bundle.js", "/health", "/ready", "/config", "/nothing", "/auth/me", "/auth/login",
)  # fmt: skip
FIXED = ("content-type", "content-length", "content-encoding", "etag", "vary", "cache-control", "location", "allow")


@pytest.mark.parametrize("path", READ)
async def test_head_has_the_headers_of_get_and_no_body(shared_api: Api, path: str) -> None:
    cinema = await shared_api.cinema()
    path = path.format(movie=cinema.movie_id, showtime=cinema.showtime_id, auditorium=cinema.auditorium_id)
    for encoding in (PLAIN, GZIP):
        got, head = [await asked(shared_api, method, path, encoding) for method in ("GET", "HEAD")]
        assert (head.status, head.body) == (got.status, b"")
        assert {name: head.headers.get(name) for name in FIXED} == {name: got.headers.get(name) for name in FIXED}
        assert int(got.headers["content-length"]) == len(got.body)
        for answer in (got, head):
            assert parsedate_to_datetime(answer.headers["date"]).tzinfo is not None
            assert answer.headers["x-request-id"]


async def asked(api: Api, method: str, path: str, encoding: str) -> Read:
    async with connected(api.client.server) as wire:
        answer = await wire.ask(method, path, f"Accept-Encoding: {encoding}", "Connection: close")
        assert await wire.rest() == b""
        return answer


async def login(api: Api, data: bytes, kind: str = "application/json") -> Answer:
    return await api.call("POST", "/auth/login", data=data, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    "kind",
    [
        "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "APPLICATION/JSON",
        'application/json; charset="utf-8"', "application/json ; x=y", "application/vnd.api+json",
    ],
)  # fmt: skip
async def test_json_is_taken_whatever_parameters_its_type_has(shared_api: Api, kind: str) -> None:
    answer = await login(shared_api, json.dumps(LOGIN).encode(), kind)
    assert (answer.status, answer.code) == (401, "invalid_credentials")


@pytest.mark.parametrize("kind", ["application/json5", "text/json", "application/jsonp", "json", "*/*", "a/b; json"])
async def test_another_media_type_is_415(api: Api, kind: str) -> None:
    answer = await login(api, json.dumps(LOGIN).encode(), kind)
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
async def test_json_in_another_encoding_is_400_which_names_it(api: Api, encoding: str) -> None:
    answer = await login(api, json.dumps(LOGIN).encode(encoding), f"application/json; charset={encoding}")
    assert (answer.status, answer.code) == (400, "invalid_json")
    assert "UTF-16" in answer.json["detail"]


async def test_json_with_a_byte_order_mark_is_400_which_names_it(api: Api) -> None:
    answer = await login(api, json.dumps(LOGIN).encode("utf-8-sig"))
    assert (answer.status, answer.code) == (400, "invalid_json")
    assert "BOM" in answer.json["detail"]


@pytest.mark.parametrize(
    "accept", ["*/*", "text/html", "text/html, application/json;q=0.1", "application/json;q=0", "nonsense", "", "*"]
)
async def test_answers_are_json_whatever_a_client_accepts(shared_api: Api, accept: str) -> None:
    movies = await shared_api.call("GET", "/movies", headers={"Accept": accept})
    assert (movies.status, movies.headers["Content-Type"]) == (200, "application/json")
    nothing = await shared_api.client.get("/nothing", headers={"Accept": accept})
    kind = "text/html; charset=utf-8" if accept == "text/html" else "application/problem+json"  # a lost browser's
    assert (nothing.status, nothing.headers["Content-Type"]) == (404, kind)


@pytest.mark.parametrize(
    ("encoding", "compressed"),
    [
        ("gzip", True), ("GZIP", True), ("x-gzip", True), ("*", True), ("br, zstd, gzip;q=0.1", True),
        ("gzip;q=0", False), ("gzip;q=0.5, identity;q=0.9", False), ("br", False), ("identity", False), ("", False),
        ("gzip;q=0, *", False), ("gzip; q=nonsense", False), (",,gzip,", True),
    ],
)  # fmt: skip
async def test_the_weights_of_accept_encoding_count(shared_api: Api, encoding: str, compressed: bool) -> None:
    answer = await asked(shared_api, "GET", "/openapi.json", encoding)
    assert (answer.status, "content-encoding" in answer.headers) == (200, compressed)


@pytest.mark.parametrize("path", ["/movies/%31", "/mov%69es/1", "/movies/1?", "/%6D%6f%76ies/1"])
async def test_an_escaped_path_is_that_path(api: Api, path: str) -> None:
    await api.movie()
    answer = await api.client.get(URL(path, encoded=True))
    assert (answer.status, (await answer.json())["id"]) == (200, 1)


@pytest.mark.parametrize(
    "path", ["/movies/", "//movies", "/movies//1", "/./movies", "/x/../movies", "/movies%2F1", "/movies;a=b", "/MOVIES"]
)
async def test_another_spelling_of_a_path_is_404_without_a_redirect(shared_api: Api, path: str) -> None:
    async with connected(shared_api.client.server) as wire:
        answer = await wire.ask("GET", path)
        assert (answer.status, json.loads(answer.body)["code"]) == (404, "not_found")


@pytest.mark.parametrize("query", ["limit=1&limit=2", "limit=1&limit=1", "limit=1&l%69mit=2"])
async def test_a_parameter_that_is_given_twice_is_422(api: Api, query: str) -> None:
    answer = await api.client.get(URL(f"/movies?{query}", encoded=True))
    assert (answer.status, (await answer.json())["errors"][0]["detail"]) == (422, "Must be given once.")


@pytest.mark.parametrize("query", ["q=%FF", "q=%C3", "q=%ED%A0%80", "q=%zz", "q=%", "q=%4", "%FF=1", "a=100%&b=1"])
async def test_a_query_that_is_not_utf_8_is_400(shared_api: Api, query: str) -> None:
    for path in ("/movies", "/health", "/docs", "/nothing-but-a-query/../movies"):
        async with connected(shared_api.client.server) as wire:
            answer = await wire.ask("GET", f"{path}?{query}")
            expected = (404, "not_found") if ".." in path else (400, "malformed_request")
            assert (answer.status, json.loads(answer.body)["code"]) == expected


@pytest.mark.parametrize("query", ["q=A+Film", "q=A%20Film", "q=%41%20%46ilm", "&q=A+Film&", "%71=A+Film"])
async def test_a_query_may_be_escaped_in_any_way(api: Api, query: str) -> None:
    await api.movie(title="A Film")
    async with connected(api.client.server) as wire:
        answer = await wire.ask("GET", f"/movies?{query}")
        assert [item["title"] for item in json.loads(answer.body)["items"]] == ["A Film"]
