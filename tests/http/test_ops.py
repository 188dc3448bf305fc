"""Health, readiness and metrics."""

import asyncio
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reservation.http import readiness
from reservation.runtime import exposition
from tests.api import Api, Connection
from tests.conftest import StartApi


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


async def test_metrics_and_reasons_are_for_callers_with_the_token_where_one_is_set(
    start_api: StartApi, db: Connection
) -> None:
    api = await start_api(METRICS_TOKEN="a-token-of-prometheus")
    right, wrong = {"Authorization": "Bearer a-token-of-prometheus"}, {"Authorization": "Bearer another"}
    for headers, status in (({}, 401), (wrong, 401), (right, 200)):
        answer = await api.call("GET", "/metrics", headers=headers)
        assert answer.status == status
        assert ("reservation_" in answer.text) is (status == 200)
        assert (await api.call("GET", "/ready", headers=headers)).status == 200

    await db.execute("delete from _yoyo_migration where migration_id = '0001_booking'")
    api = await start_api(METRICS_TOKEN="a-token-of-prometheus")
    for headers, tells in (({}, False), (wrong, False), (right, True)):
        answer = await api.call("GET", "/ready", headers=headers)
        assert (answer.status, answer.code) == (503, "database_unavailable")
        assert ("0001_booking" in answer.json["detail"]) is tells
