"""The records of every request: its line in the access log, and its count in the metrics."""

import asyncio
import io
import json
import signal
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

from reservation.http import metrics, middleware
from reservation.runtime import exposition
from reservation.runtime.metrics import SECONDS
from tests.api import Api, Connection
from tests.conftest import SECRET, StartApi
from tests.faults.test_serving import Instance, serving, wait_until

MEMBERS = {
    "event", "method", "path", "status", "ms", "pool_ms", "postgresql_ms", "redis_ms", "level", "logger", "timestamp",
    "request_id",
}  # fmt: skip
Series = tuple[str, str, str]


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The output of the access log."""
    written = io.StringIO()
    monkeypatch.setattr(middleware, "standard_error", lambda: written)
    return written


def requests_in(written: str) -> list[dict[str, Any]]:
    """The lines of the access log; all lines are JSON."""
    lines = [json.loads(line) for line in written.split("\n") if line]
    return [line for line in lines if line["event"] == "request"]


async def logged(stderr: io.StringIO, api: Api) -> list[dict[str, Any]]:
    """The log after the service has ended, which flushes it."""
    await api.client.close()
    return requests_in(stderr.getvalue())


async def test_each_request_has_one_line(stderr: io.StringIO, start_api: StartApi) -> None:
    api = await start_api(ACCESS_LOG="on")
    asked = [("GET", "/health", 200), ("GET", "/movies", 200), ("HEAD", "/movies", 200), ("GET", "/movies/4711", 404),
             ("PATCH", "/movies", 405), ("POST", "/auth/login", 415), ("GET", "/nothing?a=%22", 404)]  # fmt: skip
    answered = []
    for method, path, status in asked:
        async with api.client.request(method, path) as answer:
            assert answer.status == status
            answered.append((answer.headers["X-Request-ID"], answer.headers["Server-Timing"]))
    found = await logged(stderr, api)
    assert [(line["method"], line["path"], line["status"]) for line in found] == [
        (method, path.partition("?")[0], status) for method, path, status in asked
    ]
    for line, (request_id, timing) in zip(found, answered, strict=True):
        assert set(line) == MEMBERS
        assert line["request_id"] == request_id
        split = {part.partition(";dur=")[0]: float(part.partition(";dur=")[2]) for part in timing.split(", ")}
        names = {"pool": "pool_ms", "postgresql": "postgresql_ms", "redis": "redis_ms", "total": "ms"}
        assert {name: line[member] for name, member in names.items()} == split
    assert found[1]["postgresql_ms"] > 0


@pytest.mark.parametrize(
    "path",
    ["/a%22b", "/a%5Cb", "/a%0Ab", "/a%0D%0A%7B%7D", "/%00", "/%C3%A9", "/%F0%9F%8E%AC", "/%FF", "/%ED%A0%80", "/%25",
     "/%2522", "/a'b", "/%7F", "/%E2%80%A8", "/a%20b", "/%1B%5B31m", "/movies/%22%2C%22status%22%3A200"],
)  # fmt: skip
async def test_any_path_has_one_line(stderr: io.StringIO, start_api: StartApi, path: str) -> None:
    api = await start_api(ACCESS_LOG="on")
    url = URL(path, encoded=True)
    async with api.client.get(url, headers={"X-Request-ID": 'a"b'}) as answer:
        assert answer.status == 404
        request_id = answer.headers["X-Request-ID"]
    [line] = await logged(stderr, api)
    assert (line["path"], line["status"], line["request_id"]) == (url.path, 404, request_id)


@pytest.mark.parametrize(
    ("settings", "many"),
    [
        ({"ACCESS_LOG": "off"}, 0),
        ({"ACCESS_LOG": "on", "LOG_LEVEL": "warning"}, 0),
        ({"ACCESS_LOG": "on", "LOG_LEVEL": "error"}, 0),
        ({"ACCESS_LOG": "on", "LOG_LEVEL": "debug"}, 3),
        ({"ACCESS_LOG": "on"}, 3),
    ],
)
async def test_access_log_and_log_level_turn_the_lines_off(
    stderr: io.StringIO, start_api: StartApi, settings: dict[str, str], many: int
) -> None:
    api = await start_api(**settings)
    for _ in range(3):
        async with api.client.get("/health") as answer:
            assert answer.status == 200
    assert len(await logged(stderr, api)) == many


def environment(database_url: str, redis_url: str) -> dict[str, Any]:
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}


def test_a_stopped_service_has_logged_all_that_it_answered(database_url: str, redis_url: str, tmp_path: Path) -> None:
    with serving(tmp_path / "data", **environment(database_url, redis_url)) as instance:
        for _ in range(5):
            assert instance.status("/movies") == 200
        instance.process.send_signal(signal.SIGTERM)
        assert instance.process.wait(20) == 0
        lines = [json.loads(line) for line in instance.printed().splitlines() if line.startswith("{")]
        assert [line["path"] for line in lines if line["event"] == "request"].count("/movies") == 5
        assert "Traceback" not in instance.printed()


def fetched(instance: Instance, path: str) -> str:
    """A page over a new connection: the kernel picks the worker."""
    with urllib.request.urlopen(f"http://127.0.0.1:{instance.port}{path}", timeout=60) as answer:
        return str(answer.read().decode())


def test_metrics_are_the_sum_over_the_workers(database_url: str, redis_url: str, tmp_path: Path) -> None:
    many = 40
    with serving(tmp_path / "data", "--workers", "2", **environment(database_url, redis_url)) as instance:
        for _ in range(many):
            fetched(instance, "/movies")
        wait_until(lambda: requests_of(fetched(instance, "/metrics"))["GET", "/movies", "200"] == many)
        for _ in range(8):  # by any worker
            text = fetched(instance, "/metrics")
            assert requests_of(text)["GET", "/movies", "200"] == many
            assert durations_of(text)["GET", "/movies"][0] == many


def requests_of(text: str) -> Counter[Series]:
    """The number of responses by (method, route, status)."""
    counts: Counter[Series] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "reservation_http_requests_total":
                counts[sample.labels["method"], sample.labels["route"], sample.labels["status"]] += int(sample.value)
    return counts


def durations_of(text: str) -> dict[tuple[str, str], tuple[float, float, list[float]]]:
    """By (method, route): the count, the sum in seconds, and the cumulative buckets in the order of their bounds."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            kind = sample.name.removeprefix("reservation_http_request_seconds_")
            if kind in {"count", "sum", "bucket"}:
                one = found.setdefault((sample.labels["method"], sample.labels["route"]), {"bucket": {}})
                if kind == "bucket":
                    one["bucket"][float(sample.labels["le"])] = sample.value
                else:
                    one[kind] = sample.value
    return {
        key: (one["count"], one["sum"], [value for _, value in sorted(one["bucket"].items())])
        for key, one in found.items()
    }


async def exposed(api: Api) -> str:
    async with api.client.get("/metrics") as answer:
        return await answer.text()


async def test_metrics_count_exactly_the_requests_made(api: Api) -> None:
    made: Counter[Series] = Counter({("GET", "/metrics", "200"): 1})  # the first scrape, which the second one counts
    begun = time.perf_counter()
    before = await exposed(api)
    mix = [
        ("GET", "/movies", "/movies", 200, 7), ("HEAD", "/movies", "/movies", 200, 3),
        ("GET", "/movies/4711", "/movies/{movie_id}", 404, 2), ("GET", "/movies/4712", "/movies/{movie_id}", 404, 2),
        ("GET", "/health", "/health", 200, 5), ("POST", "/auth/login", "/auth/login", 415, 1),
        ("GET", "/auth/me", "/auth/me", 401, 2), ("GET", "/nothing", "none", 404, 2),
        ("GET", "/no/4711", "none", 404, 1), ("PURGE", "/health", "none", 405, 1),
        ("PROPFIND", "/nothing", "none", 404, 1),
    ]  # fmt: skip
    for method, path, route, status, times in mix:
        for _ in range(times):
            async with api.client.request(method, path) as answer:
                assert answer.status == status
        made["any" if route == "none" else method, route, str(status)] += times
    after = await exposed(api)
    elapsed_s = time.perf_counter() - begun
    assert requests_of(after) - requests_of(before) == made
    assert not any(text in after for text in ("/4711", "/4712", "/nothing", "PURGE", "PROPFIND"))

    was, now = durations_of(before), durations_of(after)
    by_route: Counter[tuple[str, str]] = Counter()
    for (method, route, _), times in made.items():
        by_route[method, route] += times
    total_s = 0.0
    for key, times in by_route.items():
        count_before, sum_before, buckets_before = was.get(key, (0.0, 0.0, [0.0] * 13))
        count, sum_s, buckets = now[key]
        assert count - count_before == times
        assert buckets == sorted(buckets)
        assert buckets[-1] == count
        assert len(buckets) == len(buckets_before)
        assert sum_s > sum_before
        total_s += sum_s - sum_before
    assert 0 < total_s < elapsed_s + 1


async def test_a_duration_count_covers_all_statuses_of_its_route(api: Api) -> None:
    text = await exposed(api)
    by_route: Counter[tuple[str, str]] = Counter()
    for (method, route, _), times in requests_of(text).items():
        by_route[method, route] += times
    assert {key: count for key, (count, _, _) in durations_of(text).items()} == by_route


async def test_counts_are_published_within_a_second(api: Api) -> None:
    """A scrape that another worker answers has them then."""
    async with api.client.get("/health"):
        pass
    assert metrics._tallies
    async with asyncio.timeout(exposition.PUBLISH_EVERY_S + 1):
        while metrics._tallies:
            await asyncio.sleep(0.02)


async def test_a_slow_request_counts_in_the_slow_buckets(api: Api, db: Connection) -> None:
    async def buckets() -> list[float]:
        text = await exposed(api)
        return durations_of(text).get(("GET", "/movies/{movie_id}"), (0.0, 0.0, [0.0] * 13))[2]

    before = await buckets()
    async with db.transaction():
        await db.execute("lock table movies in access exclusive mode")
        asking = asyncio.create_task(api.call("GET", "/movies/4711"))
        async with asyncio.timeout(5):
            while not await db.fetchval("select exists (select from pg_locks where not granted)"):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.12)
    assert (await asking).status == 404
    more = [now - then for now, then in zip(await buckets(), before, strict=True)]
    up_to_a_tenth = sum(bound <= 0.1 for bound in SECONDS)
    assert more == [0.0] * up_to_a_tenth + [1.0] * (len(more) - up_to_a_tenth)


async def test_unknown_paths_are_counted_as_one_route(api: Api) -> None:
    exposition.publish()
    for number in range(5):
        async with api.client.get(f"/nothing-{number}"):
            pass
    assert len(metrics._tallies) <= 1
