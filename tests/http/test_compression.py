"""Every answer of 1 KiB or more is compressed for clients that ask for it, and its tags revalidate as plain ones do."""

import gzip
from typing import Any

import orjson
import pytest

from reservation.http.output.compression import MIN_BYTES
from tests.api import Api
from tests.conftest import StartApi
from tests.encodings import GZIP, PLAIN, Raw, send

LONG = "A film about one evening at a cinema, and about everybody who wanted seat G7. " * 20


async def movies(api: Api) -> list[int]:
    return [await api.movie(title=f"Film {number}", description=LONG) for number in range(3)]


def without_request_id(raw: Raw) -> Any:
    return orjson.loads(raw.decoded()) | {"request_id": None}


def check_pair(plain: Raw, packed: Raw) -> None:
    """Assert that two answers to the same request differ in their content coding only."""
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert packed.status == plain.status
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
    assert int(packed.headers["Content-Length"]) == len(packed.body) < len(plain.body)
    assert len(plain.body) >= MIN_BYTES


@pytest.mark.parametrize(
    "path", ["/movies", "/movies/{id}", "/admin/movies", "/admin/movies/{id}", "/v1/movies", "/openapi.json"]
)
async def test_a_large_answer_is_compressed_where_the_client_asks(api: Api, path: str) -> None:
    path = path.format(id=(await movies(api))[0])
    admin = await api.admin()
    plain, packed, other = [
        await send(api, "GET", path, encoding, who=admin) for encoding in (PLAIN, "br;q=0.9, gzip", "br")
    ]
    check_pair(plain, packed)
    assert packed.decoded() == plain.body == other.body
    assert other.headers["Vary"] == "Accept-Encoding"
    if "ETag" in plain.headers:
        assert (packed.etag, other.etag) == (f'{plain.etag[:-1]}-gzip"', plain.etag)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/metrics"])
async def test_pages_and_metrics_are_compressed(api: Api, path: str) -> None:
    await movies(api)
    plain, packed = [await send(api, "GET", path, encoding) for encoding in (PLAIN, GZIP)]
    if len(plain.body) < MIN_BYTES:
        assert packed.body == plain.body
        return
    check_pair(plain, packed)
    assert gzip.decompress(packed.body)[:100] == plain.body[:100]


async def test_a_large_problem_is_compressed(api: Api) -> None:
    cinema, customer, rival = await api.cinema(rows=2, seats_per_row=30), await api.sign_up(), await api.sign_up()
    for start in range(0, 60, 10):
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[start : start + 10])
    bad = {"showtimes": [{"movie_id": 0} for _ in range(20)]}
    admin = await api.admin()
    plain, packed = [
        await send(api, "POST", "/admin/showtimes/batch", encoding, who=admin, json=bad | {"all_or_nothing": True})
        for encoding in (PLAIN, GZIP)
    ]
    check_pair(plain, packed)
    assert plain.status == 409
    assert without_request_id(packed) == without_request_id(plain)
    small = await send(
        api, "POST", f"/showtimes/{cinema.showtime_id}/holds", GZIP, who=rival, json={"seat_ids": cinema.seat_ids[:2]}
    )
    assert (small.status, "Content-Encoding" in small.headers, "Vary" in small.headers) == (409, False, False)


async def test_a_small_answer_is_the_same_with_and_without_gzip(api: Api) -> None:
    movie_id = await api.movie()
    plain, packed = [await send(api, "GET", f"/movies/{movie_id}", encoding) for encoding in (PLAIN, GZIP)]
    assert packed.body == plain.body
    assert packed.etag == plain.etag
    for answer in (plain, packed):
        assert "Vary" not in answer.headers
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/movies/{id}", "/admin/movies/{id}", "/openapi.json"])
async def test_either_tag_of_a_large_answer_gives_304(api: Api, path: str) -> None:
    path = path.format(id=(await movies(api))[0])
    admin = await api.admin()
    tags = [(await send(api, "GET", path, encoding, who=admin)).etag for encoding in (PLAIN, GZIP)]
    assert tags[1] == f'{tags[0][:-1]}-gzip"'
    for tag in tags:
        for encoding in (PLAIN, GZIP):
            for header in (tag, f'"other", {tag}', f"W/{tag}"):
                answer = await send(api, "GET", path, encoding, who=admin, headers={"If-None-Match": header})
                assert (answer.status, answer.body, answer.etag) == (304, b"", tag)
                assert answer.headers["Vary"] == "Accept-Encoding"
    other = await send(api, "GET", path, GZIP, who=admin, headers={"If-None-Match": '"other-gzip"'})
    assert other.status == 200
    anything = await send(api, "GET", path, GZIP, who=admin, headers={"If-None-Match": "*"})
    assert anything.status == 304


# What Apache, Jetty, and others append to a tag when they compress; and a weak tag, which nginx makes of it.
CODINGS_OF_PROXIES = ("-gzip", "--gzip", ";gzip", ":gzip", "-br", ";br", "-zstd", "-deflate")
TAGGED = (
    "/movies/{movie}", "/showtimes/{showtime}", "/showtimes/{showtime}/seats",
    "/showtimes/{showtime}/seats?fields=status",
    "/auditoriums/{auditorium}/layout", "/openapi.json", "/static/docs/docs.css", "/static/swagger-ui/swagger-ui.css",
)  # fmt: skip


@pytest.mark.parametrize("path", TAGGED)
async def test_a_tag_that_a_proxy_has_changed_gives_304(shared_api: Api, path: str) -> None:
    cinema = await shared_api.cinema()
    path = path.format(movie=cinema.movie_id, showtime=cinema.showtime_id, auditorium=cinema.auditorium_id)
    plain = (await send(shared_api, "GET", path, PLAIN)).etag
    assert plain.startswith('"')
    for added in CODINGS_OF_PROXIES:
        tag = f'{plain[:-1]}{added}"'
        for header in (tag, f"W/{tag}", f'"other", {tag}', f'W/"other{added}",{tag}'):
            answer = await send(shared_api, "GET", path, PLAIN, headers={"If-None-Match": header})
            assert (
                (answer.status, answer.body, answer.headers["ETag"])
                in {
                    (304, b"", plain),  # the proxy adds its coding again
                    (304, b"", f'{plain[:-1]}-gzip"'),  # the service's own
                }
            ), header
    assert (await send(shared_api, "GET", path, PLAIN, headers={"If-None-Match": f"W/{plain}"})).status == 304
    for other in ('"other-gzip"', f'{plain[:-2]};gzip"', f'{plain[:-1]}-x"', f'{plain[:-1]}gzip"'):
        assert (await send(shared_api, "GET", path, PLAIN, headers={"If-None-Match": other})).status == 200, other


@pytest.mark.parametrize("path", [*TAGGED, "/movies", "/admin/movies", "/metrics", "/docs", "/redoc"])
async def test_a_compressed_answer_says_so_and_has_a_tag_of_its_own(shared_api: Api, path: str) -> None:
    await movies(shared_api)
    cinema = await shared_api.cinema(rows=10, seats_per_row=120)
    path = path.format(movie=cinema.movie_id, showtime=cinema.showtime_id, auditorium=cinema.auditorium_id)
    admin = await shared_api.admin()
    plain, packed = [await send(shared_api, "GET", path, encoding, who=admin) for encoding in (PLAIN, GZIP)]
    if len(plain.body) < MIN_BYTES:
        assert "Content-Encoding" not in packed.headers
        return
    check_pair(plain, packed)
    if "ETag" in plain.headers:
        assert packed.etag == f'{plain.etag[:-1]}-gzip"'
    if path != "/metrics":  # which counts its own readings
        assert packed.decoded() == plain.body


@pytest.mark.parametrize("added", CODINGS_OF_PROXIES)
async def test_if_match_takes_a_tag_that_a_proxy_has_changed_until_the_object_changes(
    shared_api: Api, added: str
) -> None:
    path, admin = f"/admin/movies/{await shared_api.movie()}", await shared_api.admin()
    body = {"title": "Another", "duration_minutes": 95}
    seen = f'{(await send(shared_api, "GET", path, PLAIN, who=admin)).etag[:-1]}{added}"'
    other = f'{seen[: -len(added) - 2]}0{added}"' if seen[-len(added) - 2] != "0" else f'"1{added}"'
    for header in (other, f'"other{added}", {other}'):
        answer = await shared_api.call("PUT", path, body, who=admin, headers={"If-Match": header})
        assert (answer.status, answer.code) == (412, "precondition_failed")
    unwanted = await shared_api.call("PUT", path, body, who=admin, headers={"If-None-Match": seen})
    assert (unwanted.status, unwanted.code) == (412, "precondition_failed")
    assert (await shared_api.call("PUT", path, body, who=admin, headers={"If-Match": f'"x", {seen}'})).status == 200
    lost = await shared_api.call("PUT", path, body | {"title": "Lost"}, who=admin, headers={"If-Match": seen})
    assert (lost.status, lost.code) == (412, "precondition_failed")
    assert (await shared_api.call("GET", path, who=admin)).json["title"] == "Another"


async def test_a_weak_tag_in_if_match_never_matches_and_the_problem_says_why(api: Api) -> None:
    path, admin = f"/admin/movies/{await api.movie()}", await api.admin()
    tag = (await send(api, "GET", path, PLAIN, who=admin)).etag
    for header in (f"W/{tag}", f'W/{tag[:-1]};gzip"', f'W/"other", W/{tag}'):
        answer = await api.call("DELETE", path, who=admin, headers={"If-Match": header})
        assert (answer.status, answer.code) == (412, "precondition_failed")
        assert "weak" in answer.json["detail"]
    assert (await api.call("DELETE", path, who=admin, headers={"If-Match": f"W/{tag}, {tag}"})).status == 204


async def test_a_write_takes_the_tag_of_a_compressed_answer_until_the_object_changes(api: Api) -> None:
    [movie_id, *_] = await movies(api)
    path, admin = f"/admin/movies/{movie_id}", await api.admin()
    body = {"title": "Another", "duration_minutes": 95, "description": LONG}
    seen = (await send(api, "GET", path, GZIP, who=admin)).etag
    changed = await send(api, "PUT", path, GZIP, who=admin, json=body, headers={"If-Match": seen})
    assert (changed.status, changed.headers["Content-Encoding"]) == (200, "gzip")
    assert changed.etag.endswith('-gzip"')
    assert changed.etag != seen
    outdated = await send(api, "PUT", path, GZIP, who=admin, json=body, headers={"If-Match": seen})
    assert outdated.status == 412
    read = await send(api, "GET", path, GZIP, who=admin)
    assert (read.etag, read.body) == (changed.etag, changed.body)
    deleted = await send(api, "DELETE", path, GZIP, who=admin, headers={"If-Match": f"W/{read.etag}"})
    assert deleted.status == 412
    deleted = await send(api, "DELETE", path, GZIP, who=admin, headers={"If-Match": read.etag})
    assert deleted.status == 204


async def test_a_large_hold_and_its_repetition_are_compressed(start_api: StartApi) -> None:
    api = await start_api(MAX_SEATS_PER_HOLD="20")
    cinema, customer = await api.cinema(), await api.sign_up()
    path, body = f"/v1/showtimes/{cinema.showtime_id}/holds", {"seat_ids": cinema.seat_ids[:20]}
    answers = [
        await send(api, "POST", path, encoding, who=customer, json=body, headers={"Idempotency-Key": "once"})
        for encoding in (GZIP, PLAIN, GZIP)
    ]
    first, plain, again = answers
    assert [answer.status for answer in answers] == [201] * 3
    assert first.body == again.body
    check_pair(plain, first)
    assert first.decoded() == plain.body
    assert {answer.headers["Location"] for answer in answers} == {plain.headers["Location"]}
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_head_and_a_closed_connection_get_the_headers_of_the_compressed_answer(api: Api) -> None:
    await movies(api)
    packed = await send(api, "GET", "/movies", GZIP)
    head = await send(api, "HEAD", "/movies", GZIP)
    closed = await send(api, "GET", "/movies", GZIP, headers={"Connection": "close"})
    assert (head.body, closed.body) == (b"", packed.body)
    for answer in (head, closed):
        for name in ("Content-Encoding", "Content-Length", "Content-Type", "Vary"):
            assert answer.headers[name] == packed.headers[name]


async def test_vary_names_origin_as_well_where_origins_are_allowed(start_api: StartApi) -> None:
    api = await start_api(CORS_ORIGINS="https://cinema.example")
    await movies(api)
    answer = await send(api, "GET", "/movies", GZIP, headers={"Origin": "https://cinema.example"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert {name.strip() for name in answer.headers["Vary"].split(",")} == {"Accept-Encoding", "Origin"}
