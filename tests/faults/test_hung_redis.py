"""A Redis that hangs (SIGSTOP) keeps nobody waiting: confirms go on at once, holds and seat maps are 503 at once."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

import pytest
from redis.asyncio import Redis

from reservation.dba.audit import audit
from tests.api import Answer, Api, Connection
from tests.conftest import StartApi
from tests.faults.test_restored_redis import valkey
from tests.figures import figures
from tests.web.visitor import visitor_of

DEFAULT_WAIT = {"REDIS_WAIT_MILLISECONDS": "150"}
# All that a busy machine may add to a request that waits for nothing.
BUSY_S = 1.5
PATIENCE_S = 60
SEATS = 24

Result = TypeVar("Result")


@dataclass
class HangingRedis:
    """A Valkey of the test's own."""

    url: str
    pid: int

    def hang(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@pytest.fixture
def valkey_url(tmp_path: Path) -> Iterator[str]:
    with valkey(tmp_path) as url:
        yield url


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[HangingRedis]:
    async with Redis.from_url(valkey_url) as client:
        pid = (await client.info("server"))["process_id"]
    running = HangingRedis(valkey_url, pid)
    yield running
    running.go_on()


@pytest.fixture
async def api(start_api: StartApi, redis: HangingRedis) -> Api:
    return await start_api(REDIS_URL=redis.url, LOGIN_FAILURES="10", **DEFAULT_WAIT)


async def timed(request: Awaitable[Result], took: list[float]) -> Result:
    started = perf_counter()
    answer = await request
    took.append(perf_counter() - started)
    return answer


@pytest.mark.parametrize("for_long", [False, True], ids=["at first", "after its connections have ended"])
async def test_while_redis_hangs_no_request_waits_for_it(
    api: Api, redis: HangingRedis, db: Connection, for_long: bool
) -> None:
    cinema, customer = await api.cinema(rows=2, seats_per_row=SEATS // 2), await api.sign_up()
    path = f"/showtimes/{cinema.showtime_id}/seats"
    ids = [(await api.hold(customer, cinema.showtime_id, [seat])).json["id"] for seat in cinema.seat_ids[: SEATS // 2]]
    known = {"If-None-Match": (await api.call("GET", path)).headers["ETag"]}
    before = await figures(api)

    redis.hang()
    if for_long:
        async with asyncio.timeout(PATIENCE_S):
            while (await figures(api))["reservation_redis_connection_failures_total"] == before[
                "reservation_redis_connection_failures_total"
            ]:
                await api.call("GET", path)
                await asyncio.sleep(0.05)

    confirms: list[float] = []
    for reservation_id in ids[:8]:
        assert (await timed(api.confirm(customer, reservation_id), confirms)).json["status"] == "confirmed"
    for reservation_id in ids[7:10]:
        assert (await timed(api.cancel(customer, reservation_id), confirms)).json["status"] == "cancelled"
    refusals: list[float] = []
    for _ in range(5):
        refused = [
            await timed(api.call("GET", path), refusals),
            await timed(api.call("GET", path, headers=known), refusals),
            await timed(api.hold(customer, cinema.showtime_id, [cinema.seat_ids[-1]]), refusals),
            await timed(api.extend(customer, ids[10]), refusals),
        ]
        assert {answer.code for answer in refused} == {"holds_unavailable"}
        assert all(answer.headers["Retry-After"] for answer in refused)
    assert (await api.call("GET", "/movies")).status == 200
    logins: list[float] = []
    for _ in range(3):
        assert (await timed(api.log_in(customer.id, customer.email), logins)).id == customer.id
    assert max(logins) < BUSY_S, logins
    assert (await api.call("GET", "/ready")).code == "holds_unavailable"
    for took in (confirms, refusals):
        assert median(took) < 0.3, took
        assert max(took) < BUSY_S, took
    assert (await figures(api))["reservation_redis_stalls_total"] > before["reservation_redis_stalls_total"]

    redis.go_on()

    async with asyncio.timeout(PATIENCE_S):
        while (await api.call("GET", "/ready")).status != 200:
            await asyncio.sleep(0.05)
        while (await figures(api))["reservation_redis_pending_updates"]:
            await asyncio.sleep(0.05)
    shown = await api.call("GET", path, headers=known)
    assert shown.status == 200
    statuses = [seat["status"] for seat in shown.json["seats"]]
    assert statuses == ["booked"] * 7 + ["available"] * 3 + ["held"] * 2 + ["available"] * (SEATS // 2)
    assert (await api.hold(customer, cinema.showtime_id, [cinema.seat_ids[-1]])).status == 201
    async with Redis.from_url(redis.url, decode_responses=True) as client:
        assert [found for found in await audit(db, client) if found.rule != "holds_without_reservation"] == []


async def test_a_logout_and_a_waiting_room_do_not_wait_for_a_redis_that_hangs(api: Api, redis: HangingRedis) -> None:
    """Neither the first ones, when it is not known yet, nor later ones."""
    cinema, people = await api.cinema(waiting_room=True), [await api.sign_up() for _ in range(4)]
    path = f"/showtimes/{cinema.showtime_id}/waiting-room"
    assert (await api.call("POST", path, who=people[0])).status in {200, 201}
    redis.hang()
    took: list[float] = []
    for person in people[1:]:
        assert (await timed(api.call("POST", path, who=person), took)).code == "holds_unavailable"
        body = {"refresh_token": person.refresh_token}
        assert (await timed(api.call("POST", "/auth/logout", body), took)).status == 204
    assert max(took) < BUSY_S, took
    redis.go_on()


async def test_a_hold_that_hung_redis_executes_late_is_released(api: Api, redis: HangingRedis) -> None:
    """The hold was refused with 503, and its seat is free as soon as Redis is back."""
    cinema, customer = await api.cinema(rows=1, seats_per_row=4), await api.sign_up()
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    redis.hang()
    refused: Answer = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])
    assert refused.code == "holds_unavailable"
    redis.go_on()
    other = await api.sign_up()
    async with asyncio.timeout(PATIENCE_S):
        while (await api.hold(other, cinema.showtime_id, cinema.seat_ids[1:2])).status != 201:
            await asyncio.sleep(0.05)


async def test_the_page_of_a_seat_map_says_that_it_tries_again_and_does_so(api: Api, redis: HangingRedis) -> None:
    """A form is answered by a page that does not send it again by itself."""
    cinema, customer = await api.cinema(rows=1, seats_per_row=4), await api.sign_up()
    visitor = await visitor_of(api)
    await visitor.sign_in(customer)
    path = f"/book/{cinema.showtime_id}"
    assert (await visitor.open(path)).status == 200

    redis.hang()

    sent = await visitor.send(path, seat_id=str(cinema.seat_ids[0]))
    assert sent.status == 503
    assert "http-equiv" not in sent.html
    page = await visitor.open(path)
    assert (page.status, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert int(page.headers["Retry-After"]) >= 1
    assert 'http-equiv="refresh"' in page.html
    assert "This page tries again by itself." in page.text
    assert path in page.links
    assert (await visitor.open("/")).status == 200

    redis.go_on()
    async with asyncio.timeout(PATIENCE_S):
        while (await visitor.open(path)).status != 200:
            await asyncio.sleep(0.05)
