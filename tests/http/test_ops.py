"""What operators and browsers rely on: health, readiness, metrics, and who may call from elsewhere."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api import Answer, Api, Connection
from tests.conftest import StartApi

FRIEND, STRANGER = "https://cinema.example", "https://stranger.example"


async def test_health_and_readiness(api: Api) -> None:
    for path, status in {"/health": "ok", "/ready": "ready"}.items():
        answer = await api.call("GET", path)
        assert (answer.status, answer.json) == (200, {"status": status})


async def test_not_ready_while_a_migration_is_pending(api: Api, db: Connection) -> None:
    await db.execute("delete from _yoyo_migration where migration_id = '0001_booking'")
    answer = await api.call("GET", "/ready")
    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert "0001_booking" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert (await api.call("GET", "/health")).status == 200


async def samples(api: Api) -> dict[tuple[str, str, str], float]:
    """How often (method, route, status) was answered."""
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


async def test_metrics_measure_time(api: Api) -> None:
    await api.call("GET", "/health")
    text = (await api.call("GET", "/metrics")).text
    assert 'reservation_http_request_seconds_bucket{le="+Inf",method="GET",route="/health"}' in text


async def preflight(api: Api, origin: str, method: str = "POST", headers: str = "authorization,content-type") -> Answer:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return await api.call("OPTIONS", "/showtimes/1/holds", headers={"Origin": origin, **asked})


@pytest.fixture
async def cors(start_api: StartApi) -> Api:
    return await start_api(CORS_ORIGINS=f"{FRIEND}, https://other.example:8443/")


@pytest.mark.parametrize("origin", [FRIEND, "https://other.example:8443"])
async def test_preflight_from_a_friend(cors: Api, origin: str) -> None:
    answer = await preflight(cors, origin, headers="authorization,content-type,idempotency-key,if-match,x-request-id")
    assert answer.status == 200, answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "AUTHORIZATION" in answer.headers["Access-Control-Allow-Headers"].upper()
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        (STRANGER, "POST", ""),
        ("https://cinema.example.evil", "POST", ""),
        ("http://cinema.example", "POST", ""),
        ("null", "POST", ""),
        (FRIEND, "TRACE", ""),
        (FRIEND, "POST", "x-evil"),
    ],
)
async def test_preflight_of_others(cors: Api, origin: str, method: str, headers: str) -> None:
    answer = await preflight(cors, origin, method, headers)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_answers_say_who_may_read_them(cors: Api) -> None:
    for path in ("/movies", "/movies/4711", "/openapi.json"):
        friend = await cors.call("GET", path, headers={"Origin": FRIEND})
        assert friend.headers["Access-Control-Allow-Origin"] == FRIEND
        exposed = friend.headers["Access-Control-Expose-Headers"].upper()
        assert all(
            name in exposed for name in ("ETAG", "LINK", "LOCATION", "RETRY-AFTER", "RATELIMIT-POLICY", "X-REQUEST-ID")
        )
        stranger = await cors.call("GET", path, headers={"Origin": STRANGER})
        assert stranger.status == friend.status
        assert "Access-Control-Allow-Origin" not in stranger.headers


async def test_an_unknown_route_says_so_to_a_friend(cors: Api) -> None:
    assert (await cors.call("GET", "/nothing", headers={"Origin": FRIEND})).status == 404


async def test_caches_keep_origins_apart(cors: Api) -> None:
    for origin in (FRIEND, STRANGER):
        answer = await cors.call("GET", "/movies", headers={"Origin": origin})
        assert "Origin" in answer.headers.get("Vary", "")


async def test_same_origin_only_unless_told_otherwise(api: Api) -> None:
    assert "Access-Control-Allow-Origin" not in (await api.call("GET", "/movies", headers={"Origin": FRIEND})).headers
    assert (await preflight(api, FRIEND)).status == 405
