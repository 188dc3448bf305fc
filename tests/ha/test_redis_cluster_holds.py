"""Holds, channels, scans and counters on a Redis Cluster, while slots move and masters fail; without PostgreSQL."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from uuid import uuid4

import pytest
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError

from reservation.errors import HoldsUnavailable, InvalidCredentials, TooManyAttempts
from reservation.holds.cluster_servers import forget_showtimes
from reservation.holds.hold_scan import ShowtimeScan, scan_holds
from reservation.holds.map_states import Snapshot, Watch
from reservation.holds.map_versions import MapVersions
from reservation.holds.release_calls import HoldRelease
from reservation.holds.store import Holds
from reservation.holds.worker_marks import KnownDatabase, WorkerMarks
from reservation.identity.attempt_limits import AttemptLimiter
from reservation.runtime.cancellation import cancel_and_wait
from reservation.runtime.redis_client import is_away
from reservation.runtime.redis_cluster import ClusterClient, cluster_client
from reservation.runtime.shard_subscription import ShardSubscription
from tests.conftest import make_settings
from tests.ha.redis_cluster import RedisCluster, running_redis_cluster, slot_of
from tests.ha.redis_nodes import PASSWORD
from tests.holds.conftest import LivePrimer

PATIENCE_S = 60.0
SHOWTIMES = range(1, 31)  # some on each master
LOG = structlog.stdlib.get_logger("test")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with running_redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: RedisCluster) -> RedisCluster:
    for node in running.masters():
        assert node.answers("FLUSHALL")
    return running


@pytest.fixture
async def client(cluster: RedisCluster) -> AsyncIterator[ClusterClient]:
    opened = cluster_client(cluster.url, decode_responses=True, socket_timeout=5.0, socket_connect_timeout=5.0)
    yield opened
    await opened.nodes.stop()
    await opened.aclose()


@pytest.fixture
async def holds(client: ClusterClient) -> AsyncIterator[Holds]:
    async with aclosing(Holds(client, LivePrimer(), MapVersions())) as opened:
        await opened.ping()
        yield opened


async def take(holds: Holds, showtime_id: int, *seat_ids: int) -> frozenset[int]:
    return await holds.take(showtime_id=showtime_id, reservation_id=uuid4(), seat_ids=seat_ids, ttl_ms=600_000)


async def held(holds: Holds, showtime_ids: range) -> list[set[int]]:
    found = await holds.snapshots(showtime_ids)
    return [{*each.held} for each in found if isinstance(each, Snapshot)]


async def test_showtimes_of_all_masters_are_held_and_read_together(cluster: RedisCluster, holds: Holds) -> None:
    assert len({cluster.master_of(slot_of(f"{{{each}}}:map")) for each in SHOWTIMES}) == 3
    assert await asyncio.gather(*(take(holds, each, 1, each) for each in SHOWTIMES)) == [frozenset()] * 30
    assert await asyncio.gather(*(take(holds, each, each) for each in SHOWTIMES)) == [{each} for each in SHOWTIMES]
    assert await held(holds, SHOWTIMES) == [{1, each} for each in SHOWTIMES]
    await holds.check_writable()
    assert [await holds.count(f"reservation:count:{each}", 60) for each in (1, 2, 3, 1)] == [1, 1, 1, 2]


async def test_a_hold_waits_for_a_slot_that_is_half_here_and_half_there(cluster: RedisCluster, holds: Holds) -> None:
    await take(holds, 7, 1, 2, 3)
    await holds.check_writable()  # now there is a connection to each master
    source, epoch = cluster.master_of_key("{7}:map"), holds.epoch
    target = next(master for master in cluster.masters() if master is not source)
    moving = cluster.moving(slot_of("7"), target)
    move_keys = await asyncio.to_thread(moving.__enter__)
    await asyncio.to_thread(move_keys, 2)
    waiting = asyncio.create_task(take(holds, 7, 4))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    counted = await holds.count("reservation:{7}:count", 60)
    await asyncio.to_thread(moving.__exit__, None, None, None)
    assert await waiting == frozenset()
    assert (counted, await holds.count("reservation:{7}:count", 60)) == (1, 2)
    assert await take(holds, 7, 1) == {1}
    assert await held(holds, range(7, 8)) == [{1, 2, 3, 4}]
    assert target.answers("EXISTS", "{7}:map") == 1
    assert holds.epoch == epoch


async def test_a_hold_of_a_slot_that_moves_for_too_long_is_unavailable(
    cluster: RedisCluster, holds: Holds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reservation.holds.cluster_servers.MOVING_S", 0.2)
    await take(holds, 8, 1)
    source = cluster.master_of_key("{8}:map")
    target = next(master for master in cluster.masters() if master is not source)
    with cluster.moving(slot_of("8"), target) as move_keys:
        move_keys(1)
        with pytest.raises(HoldsUnavailable):
            await take(holds, 8, 2)
        release = HoldRelease(8, uuid4(), [1, 2])
        assert await holds.release([release, release._replace(showtime_id=9)]) == [release]
    assert await take(holds, 8, 2) == frozenset()


async def test_changes_are_published_to_the_subscribers_of_a_map_after_its_slot_has_moved(
    cluster: RedisCluster, client: ClusterClient, holds: Holds
) -> None:
    messages, connected = asyncio.Queue[str](), asyncio.Queue[tuple[str, bool]]()
    subscription = ShardSubscription(
        client.nodes, LOG, on_message=messages.put_nowait, on_connected=lambda *each: connected.put_nowait(each)
    )
    running = asyncio.create_task(subscription.run())
    async with asyncio.timeout(PATIENCE_S):
        subscription.add("{5}:map")
        subscription.add("{6}:map")
        assert {await connected.get(), await connected.get()} == {("{5}:map", True), ("{6}:map", True)}
        for seat in (1, 2):
            [watch] = await holds.watch([5], channel=lambda each: f"{{{each}}}:map", ttl_s=60)
            assert isinstance(watch, Watch)
            await take(holds, 5, seat)
            assert await messages.get() == f"{{5}}:map {watch.version + 1} {seat}"
            if seat == 1:
                source = cluster.master_of_key("{5}:map")
                target = next(master for master in cluster.masters() if master is not source)
                await asyncio.to_thread(cluster.move_slot, slot_of("5"), target)
                assert await connected.get() == ("{5}:map", False)
                assert await connected.get() == ("{5}:map", True)
        subscription.remove("{5}:map")
        assert await connected.get() == ("{5}:map", False)
        while any(master.answers("PUBSUB", "SHARDCHANNELS", "{5}*") for master in cluster.masters()):
            await asyncio.sleep(0.02)
    await cancel_and_wait([running])


async def test_scans_find_the_showtimes_of_all_masters(client: ClusterClient, holds: Holds) -> None:
    for each in SHOWTIMES:
        await take(holds, each, each)
    scan, found = ShowtimeScan(client), list[int]()
    while not scan.is_done:
        found += await scan.read()
        await scan.advance()
    assert sorted(found) == [*SHOWTIMES]
    seats = {(key.showtime_id, key.seat_id) async for piece in scan_holds(client) for key in piece}
    assert seats == {(each, each) for each in SHOWTIMES}


async def test_a_restored_database_is_detected_once_and_all_masters_forget(client: ClusterClient, holds: Holds) -> None:
    marks, known = WorkerMarks(client), KnownDatabase("db", 7)
    assert not await marks.detect_restore(await marks.known_database(), known, raised_to=7)
    for each in SHOWTIMES:
        await take(holds, each, each)
    epoch = holds.epoch
    assert not await marks.detect_restore(known, KnownDatabase("db", 7), raised_to=8)
    assert await held(holds, SHOWTIMES) == [{each} for each in SHOWTIMES]
    before = await marks.known_database()
    assert await marks.detect_restore(before, KnownDatabase("db", 3), raised_to=4)
    assert not await marks.detect_restore(before, KnownDatabase("db", 3), raised_to=4)
    assert await held(holds, SHOWTIMES) == [set()] * 30
    assert holds.epoch >= epoch + 3


async def test_showtimes_are_not_forgotten_while_a_slot_moves(cluster: RedisCluster, client: ClusterClient) -> None:
    source = cluster.master_of_key("{5}:map")
    target = next(master for master in cluster.masters() if master is not source)
    with cluster.moving(slot_of("5"), target):
        with pytest.raises(RedisConnectionError) as raised:
            await forget_showtimes(client.nodes)
        assert is_away(raised.value)
    await forget_showtimes(client.nodes)


async def test_failed_logins_are_counted(
    client: ClusterClient, cluster: RedisCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    more = {"LOGIN_FAILURES": "2", "LOGIN_FAILURES_PER_ACCOUNT": "9", "LOGIN_FAILURES_PER_ADDRESS": "9"}
    settings = make_settings("postgresql:///none", cluster.url, tmp_path_factory.mktemp("data"), **more)
    limiter = AttemptLimiter(client, settings, LOG)
    for expected in (InvalidCredentials, InvalidCredentials, TooManyAttempts):
        with pytest.raises(expected):
            async with limiter.login(folded_email="a@example.com", address="192.0.2.1"):
                raise InvalidCredentials


async def test_a_wrong_password_is_a_refusal_and_no_outage(cluster: RedisCluster) -> None:
    refused = cluster_client(cluster.url.replace(PASSWORD, "another"), decode_responses=True)
    async with aclosing(Holds(refused, LivePrimer(), MapVersions())) as holds:
        with pytest.raises(HoldsUnavailable) as raised:
            await holds.ping()
    assert "password" in str(raised.value.__cause__)
    assert not is_away(raised.value.__cause__)


async def test_a_master_that_failed_and_lacks_holds_is_primed_again(cluster: RedisCluster, holds: Holds) -> None:
    """The last test: it leaves a master without a replica."""
    failed = cluster.master_of_key("{3}:map")
    await take(holds, 3, 1)
    epoch = holds.epoch
    failed.send_signal(signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                assert await take(holds, 3, 1) == frozenset()  # LivePrimer knows no hold of it
                break
            except HoldsUnavailable:
                await asyncio.sleep(0.05)
    assert holds.epoch > epoch
    assert cluster.master_of_key("{3}:map") is not failed
