"""The generator waits for no answer: latencies count from the intended arrival, and what it cannot send is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from time import monotonic
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reservation.load import final_audit
from reservation.load.client import Client
from reservation.load.engine import Engine
from reservation.load.measurements import Timing
from reservation.load.plan import PROFILES, Plan
from reservation.load.precise_timer import PreciseTimer
from reservation.load.showtimes import Showtime
from reservation.load.target import Target
from reservation.load.tracked_reservations import ReservationTracker
from reservation.settings import Settings
from tests.ports import free_port


@asynccontextmanager
async def stalling(stall_s: float, *, every: int = 1, **answers: Any) -> AsyncIterator[str]:
    """A server that answers maps and lists, each `every`-th of them after a while, and no two at once."""
    body = answers or {"version": 1, "seats": [], "items": []}
    one_at_a_time = asyncio.Lock()
    count = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        async with one_at_a_time:
            if count % every == 0:
                await asyncio.sleep(stall_s)
        return web.json_response(body)

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        await server.close()


async def browse(
    url: str, *, rate: float, duration_s: float, connections: int, max_in_flight: int, timeout_s: float = 5
) -> Engine:
    plan = Plan(PROFILES["browse"], rate, duration_s, 0, 0, 1, (1, 1), seed=5)
    async with Client(Target.of(url), connections=connections, timeout_s=timeout_s) as client:
        engine = Engine(client, plan, [Showtime(1, [])], ["token"], max_in_flight=max_in_flight)
        await engine.run(lambda _: None)
    return engine


async def test_a_stall_adds_to_the_latency_of_all_arrivals_during_it() -> None:
    async with stalling(0.02) as url:  # fifty a second at the most, and a hundred arrive
        engine = await browse(url, rate=100, duration_s=2, connections=200, max_in_flight=1000, timeout_s=60)
    measurements = engine.measurements
    assert measurements.answered == measurements.offered == len(list(engine.plan.arrivals()))
    # The last ones waited for all before them: about as long as the run. A closed loop would have measured 20 ms.
    assert measurements.all.ms(99) > 1000
    assert measurements.connection_wait.ms(99) < measurements.all.ms(99) / 2  # they waited for the service
    assert measurements.dropped == 0


async def test_a_run_with_too_few_connections_is_suspect_as_short_of_connections() -> None:
    async with stalling(0.02) as url:
        engine = await browse(url, rate=100, duration_s=2, connections=1, max_in_flight=1000, timeout_s=60)
    measurements = engine.measurements
    assert measurements.all.ms(99) > 1000
    assert measurements.service["map"].ms(50) < measurements.all.ms(50) / 2  # most of the time passed before sending
    assert [word for word in measurements.suspicions if "short of connections" in word]


async def test_a_timeout_while_waiting_for_a_connection_counts_in_every_percentile() -> None:
    async with stalling(0.1) as url:  # ten a second at the most, and fifty arrive
        engine = await browse(url, rate=50, duration_s=2, connections=1, max_in_flight=1000, timeout_s=0.5)
    measurements = engine.measurements
    in_vain = measurements.errors["connection_wait_timeout"]
    assert in_vain > 10
    assert measurements.all.count == measurements.connection_wait.count == measurements.offered
    assert measurements.all.ms(50) > 450  # the survivors alone would have said less, or as much at the most
    assert measurements.connection_wait.ms(100) > 500
    assert sum(histogram.count for histogram in measurements.service.values()) == measurements.offered - in_vain


async def test_arrivals_beyond_the_bound_are_dropped_and_counted() -> None:
    async with stalling(0.05) as url:
        engine = await browse(url, rate=200, duration_s=1, connections=4, max_in_flight=8)
    measurements = engine.measurements
    assert measurements.dropped > 100
    assert measurements.offered == measurements.answered + measurements.dropped
    assert sum(row.dropped for row in measurements.seconds) == measurements.dropped
    assert [word for word in measurements.suspicions if "dropped" in word]


async def test_the_rows_of_the_seconds_add_up_to_the_totals() -> None:
    async with stalling(0.001, every=10) as url:
        engine = await browse(url, rate=200, duration_s=2, connections=50, max_in_flight=1000)
    measurements = engine.measurements
    assert sum(row.offered for row in measurements.seconds) == measurements.offered
    assert sum(row.answered for row in measurements.seconds) == measurements.answered == measurements.all.count
    assert all(row.p50_ms <= row.p99_ms for row in measurements.seconds)


async def test_every_request_to_a_target_that_is_down_is_an_error_and_the_run_ends() -> None:
    async with stalling(0) as url:
        pass
    engine = await browse(url, rate=50, duration_s=1, connections=4, max_in_flight=100)
    assert engine.measurements.errors["connection_refused"] == engine.measurements.offered > 0
    assert engine.measurements.answered == 0


@pytest.mark.parametrize("ahead_s", [0.05, -1.0])
async def test_the_timer_fires_once_and_not_before_its_instant(ahead_s: float) -> None:
    fired: asyncio.Queue[float] = asyncio.Queue()
    timer = PreciseTimer(asyncio.get_running_loop(), lambda: fired.put_nowait(monotonic()))
    due = monotonic() + ahead_s
    timer.set(due)
    assert await fired.get() >= due
    timer.close()
    assert fired.empty()


async def test_unreachable_service_and_stores_are_violations_of_the_audit(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(final_audit, "PAUSE_S", 0.01)
    nowhere = f"127.0.0.1:{free_port()}"
    gone = replace(settings, database_url=f"postgresql://nobody@{nowhere}/none", redis_url=f"redis://{nowhere}/0")
    async with Client(Target.of(f"http://{nowhere}"), connections=1, timeout_s=1) as client:
        result = await final_audit.audit_run(client, ReservationTracker(), ["token"], gone, seed=1)
    assert not result.summary()["clean"]
    service, stores = result.violations
    assert "the service does not answer any more (connection_refused)" in service
    assert "the stores could not be audited" in stores
    assert not result.summary()["stores_audited"]


async def test_an_invalid_answer_ends_the_run_with_its_exception() -> None:
    plan = Plan(PROFILES["onsale"], 50, 1, 0, 0, 1, (1, 1), seed=5)
    async with stalling(0, version=2) as url, Client(Target.of(url), connections=4, timeout_s=5) as client:
        engine = Engine(client, plan, [Showtime(1, [7], free=[7])], ["token"], max_in_flight=100)
        with pytest.raises(KeyError, match="seats"):
            await engine.run(lambda _: None)


async def test_a_repeated_hold_that_is_not_replayed_is_a_violation() -> None:
    profile = replace(PROFILES["onsale"], shares={"keyed": 0.5, "repeat": 0.5})
    plan = Plan(profile, 40, 1, 0, 0, 1, (1, 1), seed=5)
    names = count(1)

    async def hold(_: web.Request) -> web.StreamResponse:
        return web.json_response({"id": f"r{next(names)}", "seats": [{"seat_id": 7}]}, status=201)

    app = web.Application()
    app.router.add_post("/showtimes/1/holds", hold)
    server = TestServer(app)
    await server.start_server()
    target = Target.of(str(server.make_url("/")).rstrip("/"))
    try:
        async with Client(target, connections=1, timeout_s=60) as client:
            engine = Engine(client, plan, [Showtime(1, [7], free=[7])], ["token"], max_in_flight=100)
            engine.bookings.senders["keyed"](next(engine.plan.arrivals()), Timing(0, 0))
            await client.idle()
            engine.bookings.senders["repeat"](next(engine.plan.arrivals()), Timing(0, 0))
            await client.idle()
    finally:
        await server.close()
    assert engine.tracker.violations == ["a repeated hold of reservation r1 was answered r2, Idempotent-Replayed: None"]
