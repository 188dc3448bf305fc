"""A Redis Cluster under sales: masters fail and slots move, no seat is held twice, and no restart is needed."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.api import Api, Cinema, Connection, slot
from tests.conftest import StartApi
from tests.ha.contended_sales import PATIENCE_S, Sales
from tests.ha.redis_cluster import ClusterNode, Member, RedisCluster, running_redis_cluster, slot_of
from tests.live_feed import following

CUSTOMERS = 1  # of each worker and showtime
SEATS_BEFORE, SEATS_AFTER = 5, 5  # of each showtime, sold before the fault, and after it
MOST_SHOWTIMES = 60


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with running_redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: RedisCluster) -> Iterator[RedisCluster]:
    """All servers run, and are empty."""
    for node in running.masters():
        assert node.answers("FLUSHALL")
    yield running
    for node in running.nodes:
        if node.answers("PING") is None:
            node.start()
    running.until_healthy()


def key_of(cinema: Cinema) -> str:
    return f"{{{cinema.showtime_id}}}:map"


async def a_showtime_on_each_master(api: Api, cluster: RedisCluster) -> list[Cinema]:
    """Showtimes of one room; the first master's is the first."""
    cinema = await api.cinema(rows=20, seats_per_row=20)
    owners, found = cluster.masters(), dict[int, Cinema]()
    for number in range(1, MOST_SHOWTIMES):
        owner = next(node for node in owners if any(each.has(slot_of(key_of(cinema))) for each in _own(node)))
        found.setdefault(owner.port, cinema)
        if len(found) == len(owners):
            return [found[node.port] for node in owners]
        showtime_id = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(24 + 3 * number))
        cinema = replace(cinema, showtime_id=showtime_id)
    raise AssertionError("no showtime has its slot on some master")


def _own(node: ClusterNode) -> list[Member]:
    return [member for member in node.members() if member.id == node.id]


@asynccontextmanager
async def selling(workers: list[Api], cinemas: list[Cinema]) -> AsyncIterator[list[Sales]]:
    """Sell each showtime during the block, and go on until SEATS_AFTER more seats of each are held."""
    every = [Sales(workers, cinema) for cinema in cinemas]
    people = [(sales, api, await api.sign_up()) for sales in every for api in workers for _ in range(CUSTOMERS)]
    async with asyncio.TaskGroup() as customers:
        for number, (sales, api, who) in enumerate(people):
            customers.create_task(sales.customer(api, who, number % 2))
        for sales in every:
            await sales.until_held(SEATS_BEFORE)
        yield every
        for sales in every:
            await sales.until_held(sum(sales.held.values()) + SEATS_AFTER)
        for sales in every:
            sales.is_over = True


async def check(db: Connection, every: list[Sales]) -> None:
    """No seat was held twice, and each answered confirm is there."""
    for sales in every:
        assert [seat for seat, holds in sales.held.items() if holds > 1] == []
        booked = await db.fetch(
            "select seat_id, reservation_id from booked_seats where showtime_id = $1", sales.cinema.showtime_id
        )
        assert {str(row["reservation_id"]) for row in booked} == {*sales.confirmed}
        assert {row["seat_id"] for row in booked} == {*sales.held}


async def kill(cluster: RedisCluster, master: ClusterNode) -> None:
    """The master's process ends."""
    await asyncio.to_thread(master.send_signal, signal.SIGKILL)


async def stall(cluster: RedisCluster, master: ClusterNode) -> None:
    """The master stands still: its connections stay open."""
    await asyncio.to_thread(master.send_signal, signal.SIGSTOP)


async def switch_over(cluster: RedisCluster, master: ClusterNode) -> None:
    """An operator has the replica take over; the old master goes on as its replica."""
    replica = await asyncio.to_thread(cluster.replica_of, master)
    await asyncio.to_thread(replica.do, "CLUSTER", "FAILOVER")


@pytest.mark.parametrize("fault", [kill, stall, switch_over])
async def test_an_election_under_sales_holds_no_seat_twice_and_sales_go_on(
    cluster: RedisCluster,
    start_api: StartApi,
    db: Connection,
    fault: Callable[[RedisCluster, ClusterNode], Awaitable[None]],
) -> None:
    workers = [await start_api(REDIS_URL=cluster.url) for _ in range(2)]
    cinemas = await a_showtime_on_each_master(workers[0], cluster)
    failed, slot_number = cluster.masters()[0], slot_of(key_of(cinemas[0]))
    async with selling(workers, cinemas) as every:
        of_failed = every[0]
        await fault(cluster, failed)
        elected_at = await asyncio.to_thread(cluster.wait_for_election, slot_number, failed)
        await of_failed.until(lambda: of_failed.are_answered_since(elected_at))
        back_s = min(of_failed.answered_at.values()) - elected_at
        if fault is stall:
            failed.send_signal(signal.SIGCONT)
    print(f"{fault.__name__}: {sum(sum(sales.held.values()) for sales in every)} seats held, back {back_s:.2f} s after")
    await check(db, every)


async def test_slots_that_move_under_sales_lose_none(
    cluster: RedisCluster, start_api: StartApi, db: Connection
) -> None:
    workers = [await start_api(REDIS_URL=cluster.url) for _ in range(2)]
    cinemas = await a_showtime_on_each_master(workers[0], cluster)
    masters = cluster.masters()

    def move_all() -> None:
        for cinema, target in zip(cinemas, masters[1:] + masters[:1], strict=True):
            with cluster.moving(slot_of(key_of(cinema)), target) as move_keys:
                move_keys(3)
                time.sleep(0.2)  # customers meet a slot that is half here and half there

    async with selling(workers, cinemas) as every:
        before = [sum(sales.held.values()) for sales in every]
        await asyncio.to_thread(move_all)
    assert all(sum(sales.held.values()) > then for sales, then in zip(every, before, strict=True))
    await check(db, every)
    for cinema, target in zip(cinemas, masters[1:] + masters[:1], strict=True):
        assert cluster.master_of_key(key_of(cinema)) is target
        assert target.answers("EXISTS", key_of(cinema)) == 1


async def test_viewers_see_the_holds_of_another_worker_also_after_the_slot_has_moved(
    cluster: RedisCluster, start_api: StartApi
) -> None:
    here, there = [await start_api(REDIS_URL=cluster.url) for _ in range(2)]
    cinema, who = await here.cinema(), await here.sign_up()
    async with asyncio.timeout(PATIENCE_S), following(there, cinema.showtime_id) as stream:
        await stream.next()
        for seat in cinema.seat_ids[:2]:
            assert (await here.hold(who, cinema.showtime_id, [seat])).status == 201
            event = await stream.next()
            while event is not None and event.statuses.get(seat) != "held":
                event = await stream.next()
            assert event is not None
            source = cluster.master_of_key(key_of(cinema))
            target = next(master for master in cluster.masters() if master is not source)
            await asyncio.to_thread(cluster.move_slot, slot_of(key_of(cinema)), target)
