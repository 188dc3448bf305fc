"""Health, readiness, metrics, and CORS."""

import asyncio
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reservation.http import readiness
from reservation.runtime import exposition
from tests.api import Answer, Api, Connection
from tests.conftest import StartApi

LISTED, UNLISTED = "https://cinema.example", "https://stranger.example"


async def test_health_and_readiness_are_200(api: Api) -> None:
    for path, status in {"/health": "ok", "/ready": "ready"}.items():
        answer = await api.call("GET", path)
        assert (answer.status, answer.json) == (200, {"status": status})


async def test_readiness_is_503_while_a_migration_is_pending(api: Api, db: Connection) -> None:
    await db.execute("delete from _yoyo_migration where migration_id = '0001_booking'")
    answer = await api.call("GET", "/ready")
    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert "0001_booking" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert (await api.call("GET", "/health")).status == 200


async def test_readiness_does_not_read_the_migrations_from_the_disk_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "FRESH_S", 0)
    assert (await api.call("GET", "/ready")).status == 200

    def fail() -> frozenset[str]:
        raise AssertionError("read again")

    monkeypatch.setattr(readiness, "known_migrations", fail)
    assert (await api.call("GET", "/ready")).status == 200


async def test_metrics_are_rendered_off_the_event_loop_one_scrape_at_a_time(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a scrape hangs, other requests are answered; the next scrape waits for it."""
    started, go_on, under_way, most, waits = threading.Event(), threading.Event(), 0, 0, []

    def hanging() -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        started.set()
        waits.append(go_on.wait(10))
        under_way -= 1
        return b"# nothing\n"

    monkeypatch.setattr(exposition, "_exposition", hanging)
    scrapes = [asyncio.create_task(api.call("GET", "/metrics")) for _ in range(3)]
    assert await asyncio.to_thread(started.wait, 20)
    assert (await api.call("GET", "/health")).status == 200
    go_on.set()
    assert [answer.status for answer in await asyncio.gather(*scrapes)] == [200] * 3
    assert most == 1
    assert waits == [True] * 3  # the event loop was not blocked: otherwise no scrape would have been released


async def samples(api: Api) -> dict[tuple[str, str, str], float]:
    """The number of responses by (method, route, status)."""
    answer = await api.call("GET", "/metrics")
    assert answer.status == 200
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "reservation_http_requests_total"
    }


async def test_metrics_count_by_route_template(api: Api) -> None:
    cinema = await api.cinema()
    before = await samples(api)
    for path in (f"/movies/{cinema.movie_id}", "/movies/98765", "/movies/87654", "/nothing-8765"):
        await api.call("GET", path)
    await api.call("PATCH", "/nothing")
    after = await samples(api)

    def more(*series: str) -> float:
        key = (series[0], series[1], series[2])
        return after.get(key, 0) - before.get(key, 0)

    assert more("GET", "/movies/{movie_id}", "200") == 1
    assert more("GET", "/movies/{movie_id}", "404") == 2
    assert more("any", "none", "404") == 2
    assert not [series for series in after if "8765" in "".join(series) or "7654" in "".join(series)]


async def test_metrics_have_a_histogram_of_durations(api: Api) -> None:
    await api.call("GET", "/health")
    text = (await api.call("GET", "/metrics")).text
    assert 'reservation_http_request_seconds_bucket{le="+Inf",method="GET",route="/health"}' in text


async def preflight(api: Api, origin: str, method: str = "POST", headers: str = "authorization,content-type") -> Answer:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return await api.call("OPTIONS", "/showtimes/1/holds", headers={"Origin": origin, **asked})


@pytest.fixture
async def cors(start_api: StartApi) -> Api:
    return await start_api(CORS_ORIGINS=f"{LISTED}, https://other.example:8443/")


@pytest.mark.parametrize("origin", [LISTED, "https://other.example:8443"])
async def test_preflight_from_a_listed_origin_is_allowed(cors: Api, origin: str) -> None:
    answer = await preflight(cors, origin, headers="authorization,content-type,idempotency-key,if-match,x-request-id")
    assert answer.status == 200, answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "AUTHORIZATION" in answer.headers["Access-Control-Allow-Headers"].upper()
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        (UNLISTED, "POST", ""),
        ("https://cinema.example.evil", "POST", ""),
        ("http://cinema.example", "POST", ""),
        ("null", "POST", ""),
        (LISTED, "TRACE", ""),
        (LISTED, "POST", "x-evil"),
    ],
)
async def test_preflight_from_another_origin_method_or_header_is_403(
    cors: Api, origin: str, method: str, headers: str
) -> None:
    answer = await preflight(cors, origin, method, headers)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_responses_name_the_origin_that_may_read_them(cors: Api) -> None:
    for path in ("/movies", "/movies/4711", "/openapi.json"):
        listed = await cors.call("GET", path, headers={"Origin": LISTED})
        assert listed.headers["Access-Control-Allow-Origin"] == LISTED
        exposed = listed.headers["Access-Control-Expose-Headers"].upper()
        assert all(
            name in exposed for name in ("ETAG", "LINK", "LOCATION", "RETRY-AFTER", "RATELIMIT-POLICY", "X-REQUEST-ID")
        )
        unlisted = await cors.call("GET", path, headers={"Origin": UNLISTED})
        assert unlisted.status == listed.status
        assert "Access-Control-Allow-Origin" not in unlisted.headers


async def test_an_unknown_route_is_404_to_a_listed_origin(cors: Api) -> None:
    assert (await cors.call("GET", "/nothing", headers={"Origin": LISTED})).status == 404


async def test_responses_vary_by_origin(cors: Api) -> None:
    for origin in (LISTED, UNLISTED):
        answer = await cors.call("GET", "/movies", headers={"Origin": origin})
        assert "Origin" in answer.headers.get("Vary", "")


async def test_without_cors_origins_no_other_origin_is_allowed(api: Api) -> None:
    assert "Access-Control-Allow-Origin" not in (await api.call("GET", "/movies", headers={"Origin": LISTED})).headers
    assert (await preflight(api, LISTED)).status == 405
