"""Spans of jobs, of the relay and of deliveries, and how they are joined to what caused them."""

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from redis.asyncio import Redis

from reservation.booking.jobs.schedule import TRACED_FROM_S, Job, run_job, run_once
from reservation.http.app_keys import DATABASE
from reservation.runtime.cancellation import cancel_and_wait
from reservation.runtime.timing import current_timings
from reservation.runtime.trace_context import TRACE
from tests.api import Api, Connection
from tests.conftest import SECRET, StartApi
from tests.figures import figures, growth
from tests.tracing.collector import Collector, Received
from tests.tracing.test_tracing import CLIENT, PARENT_ID, SAMPLED, TRACE_ID, children
from tests.webhooks.receiver import LOOPBACK, receiving

ROOT = Path(__file__).parents[2]
INTERNAL, CONSUMER = 1, 5
LOG = structlog.stdlib.get_logger("tests")


@pytest.fixture
def limits(collector: Collector) -> Mapping[str, str]:
    """The settings of the service in these tests."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "WEBHOOK_ALLOWED_NETWORKS": LOOPBACK}


def one(spans: list[Received], name: str) -> Received:
    [span] = [each for each in spans if each.name == name]
    return span


def redis_of(redis_url: str) -> Redis:
    return Redis.from_url(redis_url, decode_responses=True)


async def test_a_job_has_a_span_with_its_statements_and_one_that_fails_is_an_error(
    collector: Collector, api: Api, redis_url: str
) -> None:
    database = cast("Any", api.client.app)[DATABASE]

    async def ask() -> None:
        assert TRACE.get() is not None
        async with database.connection() as connection:
            assert await connection.fetchval("select 1") == 1

    async def fail() -> None:
        await ask()
        raise OSError

    async with redis_of(redis_url) as redis:
        await run_once(Job("asks", TRACED_FROM_S, ask), redis)
        failing = asyncio.create_task(run_job(Job("fails", TRACED_FROM_S, fail), redis, LOG))
        await run_once(Job("too_frequent", TRACED_FROM_S - 1, _nothing), redis)
        spans = await asyncio.to_thread(collector.wait_for, "job asks", "job fails")
        await cancel_and_wait([failing])
    asked, failed = one(spans, "job asks"), one(spans, "job fails")
    assert (asked.kind, asked.parent_id, asked.is_error) == (INTERNAL, "", False)
    assert "postgresql" in {each.name for each in children(spans, asked)}
    assert failed.is_error
    assert failed.trace_id != asked.trace_id
    assert TRACE.get() is None
    assert current_timings() is None


async def _nothing() -> None:
    assert TRACE.get() is None


async def test_a_shared_job_that_another_worker_runs_has_no_span(
    collector: Collector, api: Api, redis_url: str
) -> None:
    job = Job("shared", TRACED_FROM_S, _ran, shared=True)
    async with redis_of(redis_url) as redis:
        for _ in range(3):
            await run_once(job, redis)
        await run_once(Job("last", TRACED_FROM_S, _ran), redis)
    spans = await asyncio.to_thread(collector.wait_for, "job last")
    assert one(spans, "job shared").kind == INTERNAL


async def _ran() -> None:
    assert TRACE.get() is not None


async def test_a_mail_that_a_request_asked_for_is_in_the_trace_of_the_request(
    collector: Collector, api: Api, db: Connection
) -> None:
    ada = await api.sign_up()
    await db.execute("delete from deliveries")  # the mail of the sign-up, whose trace is another one
    await api.call("POST", "/auth/password/forgot", {"email": ada.email}, headers=SAMPLED)
    await api.work()
    spans = await asyncio.to_thread(collector.wait_for, "mail reset_password")
    request, mail = one(spans, "POST /auth/password/forgot"), one(spans, "mail reset_password")
    assert (mail.trace_id, mail.parent_id) == (TRACE_ID, request.span_id)
    assert (mail.kind, mail.is_error) == (CONSUMER, False)
    assert mail.attributes["reservation.outcome"] == "delivered"
    waits = {each.name: each for each in children(spans, mail)}
    assert waits.keys() >= {"postgresql", "mail server"}
    assert waits["mail server"].kind == CLIENT
    assert not [value for value in mail.attributes.values() if ada.email in str(value)]


@pytest.mark.parametrize("flag", ["00", "01"])
async def test_the_row_of_a_mail_names_the_request_only_if_its_spans_are_exported(
    api: Api, db: Connection, flag: str
) -> None:
    ada = await api.sign_up()
    headers = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-{flag}"}
    await db.execute("delete from deliveries")
    await api.call("POST", "/auth/signup", {"name": "B", "email": "b@example.org", "password": "a long password of B"},
                   headers=headers)  # fmt: skip
    await api.call("POST", "/auth/password/forgot", {"email": ada.email}, headers=headers)
    rows = await db.fetch("select kind, data ->> 'traceparent' as traceparent from deliveries order by id")
    assert [row["kind"] for row in rows] == ["verify_email", "reset_password"]
    for row in rows:
        assert (row["traceparent"] or "").startswith(f"00-{TRACE_ID}-") == (flag == "01")


async def test_deliveries_of_an_event_are_linked_to_the_relay_that_added_them(collector: Collector, api: Api) -> None:
    cinema, ada = await api.cinema(), await api.sign_up()
    async with receiving() as receiver:
        receiver.answers.append(500)
        await api.make("/admin/webhooks", {"url": receiver.url, "events": ["reservation.held"]})
        held = (await api.hold(ada, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
        await api.work()
    spans = await asyncio.to_thread(collector.wait_for, "relay", "webhook reservation.held")
    relay, call = one(spans, "relay"), one(spans, "webhook reservation.held")
    assert (relay.kind, relay.attributes["reservation.events"]) == (INTERNAL, 1)
    assert "postgresql" in {each.name for each in children(spans, relay)}
    assert call.links == (relay.span_id,)
    assert call.trace_id != relay.trace_id
    assert call.attributes["reservation.reservation_id"] == held
    assert (call.attributes["reservation.status_code"], call.is_error) == (500, True)
    assert call.attributes["reservation.outcome"] == "pending"
    assert {each.name for each in children(spans, call)} >= {"postgresql", "webhook"}


async def test_a_relay_that_finds_nothing_has_no_span(collector: Collector, api: Api) -> None:
    await api.work()
    await api.call("GET", "/movies")
    spans = await asyncio.to_thread(collector.wait_for, "GET /movies")
    assert "relay" not in {each.name for each in spans}


async def test_lines_of_a_delivery_that_is_given_up_name_its_trace(
    collector: Collector, api: Api, db: Connection, log_lines: io.StringIO
) -> None:
    async with receiving() as receiver:
        receiver.answers.append(500)
        hook = await api.make("/admin/webhooks", {"url": receiver.url, "events": ["reservation.held"]})
        await api.call("POST", f"/admin/webhooks/{hook['id']}/test", who=await api.admin(), headers=SAMPLED)
        await api.work()
    spans = await asyncio.to_thread(collector.wait_for, "webhook webhook.test")
    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    [line] = [each for each in lines if each["event"] == "delivery_given_up"]
    assert (line["trace_id"], line["span_id"]) == (TRACE_ID, one(spans, "webhook webhook.test").span_id)


async def test_spans_that_are_sent_and_that_are_lost_are_counted(
    collector: Collector, start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = await start_api()
    before = await figures(api)
    await api.call("GET", "/movies")
    await asyncio.to_thread(collector.wait_for, "GET /movies")
    assert (await growth(api, before))['reservation_trace_spans_total{outcome="sent"}'] >= 1
    await api.client.close()

    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    away = await start_api(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    before = await figures(away)
    lost = ('reservation_trace_spans_total{outcome="queue_full"}', 'reservation_trace_spans_total{outcome="not_sent"}')
    async with asyncio.timeout(60):
        moved: Mapping[str, float] = {}
        while not all(moved.get(name, 0) > 0 for name in lost):
            for _ in range(20):
                await away.call("GET", "/movies")
            moved = await growth(away, before)


def test_reservation_work_exports_spans(
    collector: Collector, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "JWT_SECRET": SECRET,
        "DATA_DIR": str(tmp_path),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    command = [sys.executable, "-m", "reservation", "work"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        spans: Sequence[Received] = collector.wait_for("job measure_outbox")
        assert {each.service for each in spans} == {"reservation"}
    finally:
        process.terminate()
        assert process.wait(60) == 0
