"""Sentinel elects another master under holds and confirms: no seat is held twice, and no restart is needed."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from reservation.runtime.redis_client import is_away, redis_client
from tests.api import Connection
from tests.conftest import StartApi, make_settings
from tests.ha.contended_sales import PATIENCE_S, Sales
from tests.ha.costs import Cost, RecordCost
from tests.ha.redis_nodes import SERVICE, Node, SentinelStand, running_sentinels

CUSTOMERS = 3  # of each worker
SEATS_BEFORE, SEATS_AFTER = 20, 20  # sold before the fault, and after the election


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[SentinelStand]:
    with running_sentinels(tmp_path) as running:
        yield running


async def kill(stand: SentinelStand, master: Node) -> None:
    """The master's process ends."""
    await asyncio.to_thread(master.send_signal, signal.SIGKILL)


async def stall(stand: SentinelStand, master: Node) -> None:
    """The master stands still: its connections stay open."""
    await asyncio.to_thread(master.send_signal, signal.SIGSTOP)


async def switch_over(stand: SentinelStand, master: Node) -> None:
    """An operator has another master elected; the old one goes on."""
    await asyncio.to_thread(stand.sentinels[0].answers, "SENTINEL", "FAILOVER", SERVICE)


NAMES: dict[Callable[[SentinelStand, Node], Awaitable[None]], str] = {
    kill: "a Redis master is killed (Sentinel)",
    stall: "a Redis master stands still (Sentinel)",
    switch_over: "another Redis master is elected (Sentinel)",
}


@pytest.mark.parametrize("fault", [kill, stall, switch_over])
async def test_an_election_under_sales_holds_no_seat_twice_and_sales_go_on(
    stand: SentinelStand,
    start_api: StartApi,
    db: Connection,
    fault: Callable[[SentinelStand, Node], Awaitable[None]],
    record_cost: RecordCost,
) -> None:
    workers = [await start_api(REDIS_URL=stand.url) for _ in range(2)]
    cinema = await workers[0].cinema(rows=40, seats_per_row=20)
    sales = Sales(workers, cinema)
    people = [(api, await api.sign_up()) for api in workers for _ in range(CUSTOMERS)]
    async with asyncio.TaskGroup() as customers:
        for number, (api, who) in enumerate(people):
            customers.create_task(sales.customer(api, who, number % CUSTOMERS))
        await sales.until(lambda: sum(sales.held.values()) >= SEATS_BEFORE)
        old = stand.master()
        await fault(stand, old)
        elected_at = await asyncio.to_thread(stand.wait_for_election, old)
        used_at = await asyncio.to_thread(stand.wait_until_used)
        await sales.until(lambda: sales.are_answered_since(used_at))
        back_s = min(sales.answered_at.values()) - elected_at
        if fault is stall:
            old.send_signal(signal.SIGCONT)
        before = sum(sales.held.values())
        await sales.until(lambda: sum(sales.held.values()) >= before + SEATS_AFTER)
        sales.is_over = True
    twice = [seat for seat, holds in sales.held.items() if holds > 1]
    booked = await db.fetch("select seat_id, reservation_id from booked_seats")
    kept = {str(row["reservation_id"]) for row in booked}
    lost = len({*sales.confirmed} - kept)
    record_cost(Cost(NAMES[fault], 1, len(sales.confirmed), lost, len(twice), (back_s,)))
    assert twice == []
    assert kept == {*sales.confirmed}
    assert {row["seat_id"] for row in booked} == {*sales.held}


async def test_a_master_that_sentinel_has_replaced_is_left_though_it_takes_writes(
    stand: SentinelStand, start_api: StartApi
) -> None:
    api = await start_api(REDIS_URL=stand.url)
    cinema, who = await api.cinema(), await api.sign_up()
    assert (await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    old = stand.master()
    await asyncio.to_thread(stand.watch_another)
    await asyncio.to_thread(stand.wait_until_used)
    assert stand.master() is not old
    assert old.answers("SET", "writable", "yes")
    assert (await api.hold(who, cinema.showtime_id, cinema.seat_ids[1:2])).status == 201
    async with asyncio.timeout(PATIENCE_S):
        while "name=reservation" in str(old.answers("CLIENT", "LIST")):
            await asyncio.sleep(0.05)


async def test_an_unknown_service_stops_the_start(stand: SentinelStand, database_url: str, tmp_path: Path) -> None:
    client = redis_client(make_settings(database_url, stand.url.replace(f"/{SERVICE}", "/another"), tmp_path))
    assert isinstance(client, Redis)
    with pytest.raises(RedisError, match="knows no service 'another'") as raised:
        await client.execute_command("PING")
    assert not is_away(raised.value)
    await client.aclose()
