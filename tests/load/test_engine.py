"""The generator waits for nobody: latencies count from the intended arrival, and what it could not send is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reservation.load import final_audit
from reservation.load.client import Client
from reservation.load.engine import Engine
from reservation.load.plan import PROFILES, Plan
from reservation.load.precise_timer import Alarm
from reservation.load.showtimes import Show
from reservation.load.target import Target
from reservation.load.tracked_reservations import Ledger
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
    plan = Plan(PROFILES["browse"], rate, duration_s, 0, 0, 1, 1, 1, seed=5)
    async with Client(Target.of(url), connections=connections, timeout_s=timeout_s) as client:
        engine = Engine(client, plan, [Show(1, [])], ["token"], max_in_flight=max_in_flight)
        await engine.run(lambda _: None)
    return engine


async def test_a_stall_is_felt_by_all_who_arrive_during_it() -> None:
    for _ in range(3):  # a generator that was kept from running says that it was late: once more
        async with stalling(0.02) as url:  # fifty a second at the most, and a hundred arrive
            engine = await browse(url, rate=100, duration_s=2, connections=200, max_in_flight=1000, timeout_s=60)
        measures = engine.measures
        if not any("the generator was late" in word for word in measures.suspicions):
            break
    assert measures.answered == measures.offered == len(list(engine.plan.arrivals()))
    # Whoever came last waited for all before them: about as long as the run. A closed loop would have said 20 ms.
    assert measures.all.ms(99) > 1000
    assert measures.suspicions == []


async def test_one_connection_delays_what_is_sent_and_the_report_says_who_is_to_blame() -> None:
    async with stalling(0.02) as url:
        engine = await browse(url, rate=100, duration_s=2, connections=1, max_in_flight=1000)
    measures = engine.measures
    assert measures.all.ms(99) > 1000
    assert measures.service["map"].ms(50) < 200  # once sent, it was answered soon
    assert [word for word in measures.suspicions if "short of connections" in word]


async def test_who_waits_for_a_connection_in_vain_counts_in_every_percentile() -> None:
    async with stalling(0.1) as url:  # ten a second at the most, and fifty arrive
        engine = await browse(url, rate=50, duration_s=2, connections=1, max_in_flight=1000, timeout_s=0.5)
    measures = engine.measures
    in_vain = measures.errors["connection_wait_timeout"]
    assert in_vain > 10
    assert measures.all.count == measures.connection_wait.count == measures.offered
    assert measures.all.ms(50) > 450  # the survivors alone would have said less, or as much at the most
    assert measures.connection_wait.ms(100) > 500
    assert sum(histogram.count for histogram in measures.service.values()) == measures.offered - in_vain


async def test_arrivals_beyond_the_bound_are_dropped_and_counted() -> None:
    async with stalling(0.05) as url:
        engine = await browse(url, rate=200, duration_s=1, connections=4, max_in_flight=8)
    measures = engine.measures
    assert measures.dropped > 100
    assert measures.offered == measures.answered + measures.dropped
    assert sum(row.dropped for row in measures.seconds) == measures.dropped
    assert [word for word in measures.suspicions if "dropped" in word]


async def test_seconds_add_up_to_the_totals() -> None:
    async with stalling(0.001, every=10) as url:
        engine = await browse(url, rate=200, duration_s=2, connections=50, max_in_flight=1000)
    measures = engine.measures
    assert sum(row.offered for row in measures.seconds) == measures.offered
    assert sum(row.answered for row in measures.seconds) == measures.answered == measures.all.count
    assert all(row.p50_ms <= row.p99_ms for row in measures.seconds)


async def test_a_target_that_has_gone_makes_errors_and_no_hang() -> None:
    async with stalling(0) as url:
        pass
    engine = await browse(url, rate=50, duration_s=1, connections=4, max_in_flight=100)
    assert engine.measures.errors["connection_refused"] == engine.measures.offered > 0
    assert engine.measures.answered == 0


async def test_the_alarm_rings_on_time_and_at_once_for_what_has_passed() -> None:
    rung: list[float] = []
    alarm = Alarm(asyncio.get_running_loop(), lambda: rung.append(monotonic()))
    for ahead_s in (0.05, -1.0):
        due = monotonic() + ahead_s
        alarm.set(due)
        before = len(rung)
        deadline = monotonic() + 2
        while len(rung) == before:
            assert monotonic() < deadline
            await asyncio.sleep(0.001)
        assert rung[-1] >= due
    alarm.close()
    assert len(rung) == 2
    assert rung[0] - (due + 1.0) == pytest.approx(0.05, abs=0.5)


async def test_what_cannot_be_audited_counts_as_a_violation(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(final_audit, "PAUSE_S", 0.01)
    nowhere = f"127.0.0.1:{free_port()}"
    gone = replace(settings, database_url=f"postgresql://nobody@{nowhere}/none", redis_url=f"redis://{nowhere}/0")
    async with Client(Target.of(f"http://{nowhere}"), connections=1, timeout_s=1) as client:
        result = await final_audit.audit_run(client, Ledger(), ["token"], gone, seed=1)
    assert not result.clean
    service, stores = result.violations
    assert "the service does not answer any more (connection_refused)" in service
    assert "the stores could not be audited" in stores
    assert not result.summary()["stores_audited"]


async def test_an_answer_that_makes_no_sense_ends_the_run_and_is_not_swallowed() -> None:
    plan = Plan(PROFILES["onsale"], 50, 1, 0, 0, 1, 1, 1, seed=5)
    async with stalling(0, version=2) as url, Client(Target.of(url), connections=4, timeout_s=5) as client:
        engine = Engine(client, plan, [Show(1, [7], free=[7])], ["token"], max_in_flight=100)
        with pytest.raises(KeyError, match="seats"):
            await engine.run(lambda _: None)
