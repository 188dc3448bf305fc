"""Traces: spans at a real collector, their ids in the logs and in SQL comments, and no cost without a collector."""

import asyncio
import io
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest

from reservation.db.timed_connection import TimedConnection
from reservation.http import middleware
from reservation.http.app_keys import DATABASE
from reservation.http.direct_routes import DirectRoutes
from reservation.runtime import spans, timing
from reservation.runtime.spans import CLOSE_WAIT_S
from reservation.runtime.timing import Timings
from reservation.runtime.trace_context import TRACE, Trace
from reservation.settings import SAMPLERS, InvalidSettings, Settings
from tests.api import Api, Connection
from tests.conftest import StartApi
from tests.ports import free_port
from tests.tracing.collector import Collector, Received, collecting

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01"}
NOT_SAMPLED = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-00"}
SERVER, CLIENT = 2, 3
HOLD = "POST /showtimes/{showtime_id}/holds"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The output of the access log."""
    written = io.StringIO()
    monkeypatch.setattr(middleware, "standard_error", lambda: written)
    return written


def database_of(api: Api) -> Any:
    return cast("Any", api.client.app)[DATABASE]


def children(spans: list[Received], parent: Received) -> list[Received]:
    return [each for each in spans if each.parent_id == parent.span_id]


async def test_a_request_is_a_span_with_its_route_status_and_waits(collector: Collector, start_api: StartApi) -> None:
    api = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SERVICE_NAME="box-office")
    cinema, ada = await api.cinema(), await api.sign_up()
    await api.hold(ada, cinema.showtime_id, cinema.seat_ids[:1])
    answer = await api.call("GET", "/movies/98765")
    spans = await asyncio.to_thread(collector.wait_for, HOLD, "GET /movies/{movie_id}")
    [hold] = [each for each in spans if each.name == HOLD]
    assert (hold.kind, hold.parent_id, hold.service, hold.is_error) == (SERVER, "", "box-office", False)
    assert hold.attributes["http.route"] == "/showtimes/{showtime_id}/holds"
    assert hold.attributes["http.response.status_code"] == 201
    assert hold.attributes["url.path"] == f"/showtimes/{cinema.showtime_id}/holds"
    waits = children(spans, hold)
    assert {each.name for each in waits} >= {"postgresql", "redis"}
    for each in waits:
        assert each.trace_id == hold.trace_id
        assert hold.started <= each.started <= each.ended <= hold.ended
        assert (each.kind == CLIENT) == (each.name in ("postgresql", "redis"))
    [missing] = [each for each in spans if each.name == "GET /movies/{movie_id}"]
    assert missing.attributes["http.response.status_code"] == 404
    assert missing.attributes["error.type"] == "not_found"
    assert missing.attributes["reservation.request_id"] == answer.headers["X-Request-ID"]


async def test_the_trace_of_the_caller_is_continued(collector: Collector, start_api: StartApi) -> None:
    api = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    await api.call("GET", "/movies", headers=NOT_SAMPLED)
    await api.call("GET", "/cinemas", headers=SAMPLED)
    spans = await asyncio.to_thread(collector.wait_for, "GET /cinemas")
    [root] = [each for each in spans if each.kind == SERVER and each.trace_id == TRACE_ID]
    assert (root.name, root.trace_id, root.parent_id) == ("GET /cinemas", TRACE_ID, PARENT_ID)


async def test_a_sampler_of_no_request_exports_none(collector: Collector, start_api: StartApi) -> None:
    api = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_SAMPLER="parentbased_traceidratio",
                          OTEL_TRACES_SAMPLER_ARG="0")  # fmt: skip
    await api.call("GET", "/movies")
    await api.call("GET", "/cinemas", headers=SAMPLED)
    spans = await asyncio.to_thread(collector.wait_for, "GET /cinemas")
    assert "GET /movies" not in {each.name for each in spans}


async def test_lines_of_the_access_log_name_the_trace(
    collector: Collector, stderr: io.StringIO, start_api: StartApi
) -> None:
    api = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, ACCESS_LOG="on")
    await api.call("GET", "/movies", headers=SAMPLED)
    await api.call("GET", "/cinemas", headers=NOT_SAMPLED)
    found = await asyncio.to_thread(collector.wait_for, "GET /movies")
    [span] = [each for each in found if each.name == "GET /movies"]
    await api.client.close()
    lines = [json.loads(line) for line in stderr.getvalue().splitlines()]
    sampled, other = [line for line in lines if line["path"] in ("/movies", "/cinemas")]
    assert (sampled["trace_id"], sampled["span_id"]) == (span.trace_id, span.span_id) == (TRACE_ID, span.span_id)
    assert other["trace_id"] == TRACE_ID
    assert other["span_id"] != PARENT_ID
    assert set(other) == set(sampled) >= {"request_id", "status", "ms"}


async def test_what_is_no_request_has_no_trace_of_the_request_before_it(
    collector: Collector, stderr: io.StringIO, start_api: StartApi
) -> None:
    api = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, ACCESS_LOG="on")
    reader, writer = await asyncio.open_connection(api.client.host, api.client.port)
    traceparent = SAMPLED["traceparent"]
    writer.write(f"GET /health HTTP/1.1\r\nHost: a\r\ntraceparent: {traceparent}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.write(b"not HTTP\r\n\r\n")
    await reader.read()
    writer.close()
    await api.client.close()
    first, second = [json.loads(line) for line in stderr.getvalue().splitlines()]
    assert (first["status"], first["trace_id"]) == (200, TRACE_ID)
    assert second["status"] == 400
    assert "trace_id" not in second


async def test_other_log_lines_of_a_request_name_the_trace(
    collector: Collector, start_api: StartApi, log_lines: io.StringIO
) -> None:
    api = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    wrong = {"email": "ada@example.org", "password": "not the password"}
    assert (await api.call("POST", "/auth/login", wrong, headers=SAMPLED)).status == 401
    logging.getLogger("reservation.test").error("outside of a request")
    refused, outside = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    assert refused["logger"] == "reservation.security"
    assert refused["trace_id"] == TRACE_ID
    assert len(refused["span_id"]) == len(PARENT_ID)
    assert "trace_id" not in outside


async def test_statements_of_a_sampled_request_name_its_trace_and_no_others_do(
    collector: Collector, start_api: StartApi, db: Connection
) -> None:
    api = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    cinema, ada = await api.cinema(), await api.sign_up()
    wish = {"seat_ids": cinema.seat_ids[:1]}
    await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", wish, who=ada, headers=SAMPLED)
    asked = "select query from pg_stat_activity where application_name = 'reservation' and datname = current_database()"
    commented: list[str] = []
    async with asyncio.timeout(20):
        while not commented:  # a job may have used the connection since
            await api.call("GET", "/reservations", who=ada, headers=SAMPLED)
            queries = [row["query"] for row in await db.fetch(asked)]
            commented = [query for query in queries if TRACE_ID in query]
    assert re.match(
        rf"/\*traceparent='00-{TRACE_ID}-[0-9a-f]{{16}}-01'\*/ /\* reservations/list_reservations\n", commented[0]
    )
    [batch] = [query for query in queries if query.startswith("/* reservations/insert_held")]
    assert "traceparent" not in batch
    await api.call("GET", "/reservations", who=ada, headers=NOT_SAMPLED)
    assert not [row for row in await db.fetch(asked) if TRACE_ID in row["query"]]


async def test_commented_statements_do_not_replace_prepared_ones(collector: Collector, start_api: StartApi) -> None:
    api = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    asked = "select count(*) from pg_prepared_statements where $1"
    async with database_of(api).connection() as connection:
        before = await connection.fetchval(asked, True)
        token = TRACE.set(Trace(TRACE_ID, PARENT_ID, is_sampled=True))
        for number in range(20):
            assert await connection.fetchval("select $1::int + 1", number) == number + 1
            assert (await connection.fetchrow("select $1::int as n", number))["n"] == number
            assert len(await connection.fetch("select generate_series(1, $1::int)", number)) == number
            assert await connection.execute("select $1::int", number) == "SELECT 1"
        TRACE.reset(token)
        assert await connection.fetchval(asked, True) == before


async def test_a_transaction_of_a_sampled_request_commits_and_rolls_back(
    collector: Collector, start_api: StartApi, db: Connection
) -> None:
    api = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    cinema, ada = await api.cinema(), await api.sign_up()
    held = (await api.hold(ada, cinema.showtime_id, cinema.seat_ids[:2])).json["id"]
    assert (await api.call("POST", f"/reservations/{held}/confirm", who=ada, headers=SAMPLED)).status == 200
    assert (await api.call("POST", f"/reservations/{held}/cancel", who=ada, headers=SAMPLED)).status == 200
    assert await db.fetchval("select status from reservations where id = $1", held) == "cancelled"
    again = {"email": ada.email, "password": "a password that is long", "name": "Ada"}
    assert (await api.call("POST", "/auth/signup", again, headers=SAMPLED)).status == 409


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_collector_that_hangs_or_is_away_delays_no_request_and_no_end(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    """The queue is full, and the thread waits for the collector, when the requests are answered."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    with collecting(hangs=True) as hanging:
        url = f"http://127.0.0.1:{free_port()}" if is_away else hanging.url
        api = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT=url)
        await api.call("GET", "/movies")
        if not is_away:
            await asyncio.to_thread(hanging.wait_for_requests, 1)
        for _ in range(40):
            assert (await api.call("GET", "/movies")).status == 200
        if not is_away:
            assert hanging.requests == 1  # it still waits for the answer to the first
        started = monotonic()
        await api.client.close()
        # The library would wait for 10 s for an answer, and for 30 s for the thread.
        assert monotonic() - started < CLOSE_WAIT_S + 6


def test_without_a_collector_opentelemetry_is_not_imported() -> None:
    """In a process of its own: here the tests have imported it."""
    program = (
        "import sys, reservation.worker, reservation.background;"
        "from reservation.app import make_app; from reservation.settings import Settings;"
        "make_app(Settings.from_env({}));"
        "assert 'reservation.http.tracing' in sys.modules;"
        # redis-py imports that of metrics, where it is installed.
        "own = ('opentelemetry.sdk.trace', 'opentelemetry.exporter');"
        "assert not [name for name in sys.modules if name.startswith(own)]"
    )
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)


async def test_a_collector_of_another_protocol_fails_the_start(start_api: StartApi) -> None:
    grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(InvalidSettings, match="only http/protobuf is spoken"):
        await start_api(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **grpc)
    assert (await (await start_api(**grpc)).call("GET", "/movies")).status == 200  # nothing is traced


async def test_without_a_collector_requests_are_handled_as_ever(start_api: StartApi) -> None:
    api = await start_api(OTEL_SDK_DISABLED="true", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    server = cast("Any", api.client.server).runner.server
    assert isinstance(server.request_handler.__self__, DirectRoutes)
    assert timing.start_timings.__globals__["_make"] is Timings
    async with database_of(api).connection() as connection:
        assert type(unwrapped(connection)) is TimedConnection  # asyncpg answers isinstance() by itself
    assert (await api.call("GET", "/movies", headers=SAMPLED)).status == 200
    assert TRACE.get() is None


def unwrapped(connection: Any) -> Any:
    """The connection behind the pool's proxy."""
    return connection._con


async def test_tracing_without_the_package_says_what_to_install(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for own in ("spans", "span_export"):
        monkeypatch.delitem(sys.modules, f"reservation.runtime.{own}", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(InvalidSettings, match="install the extra `tracing`"):
        await start_api(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")


@pytest.mark.parametrize("sampler", SAMPLERS)
async def test_every_sampler_of_the_settings_exists(sampler: str) -> None:
    environment = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": "0.25"}
    description = spans._sampler(Settings.from_env(environment)).get_description()
    root = {"on": "AlwaysOn", "off": "AlwaysOff", "io": "TraceIdRatioBased{0.25}"}
    expected = next(name for end, name in root.items() if sampler.endswith(end))
    assert description.removeprefix("ParentBased{root:").startswith(expected)
    assert description.startswith("ParentBased") == sampler.startswith("parentbased_")


@pytest.mark.parametrize("share", ["-0.1", "1.1", "nan", "half"])
def test_a_share_is_from_0_to_1(share: str) -> None:
    with pytest.raises(InvalidSettings, match=r"^OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1"):
        Settings.from_env({"OTEL_TRACES_SAMPLER_ARG": share})


def test_other_variables_of_opentelemetry_are_not_taken_for_misspelt_settings() -> None:
    Settings.from_env({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"})
