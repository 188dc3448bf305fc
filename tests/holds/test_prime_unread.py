"""A priming without a ticket: what PostgreSQL said before Redis was asked for the showtime."""

import asyncio
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from reservation.holds import redis_server
from reservation.holds.connection import RUN_KEY, pack
from reservation.holds.map_states import Snapshot
from reservation.holds.prime import LiveHold, Prime
from reservation.holds.redis_server import RedisServer
from reservation.holds.release_calls import HoldRelease
from reservation.holds.store import Holds
from reservation.holds.worker_marks import KnownDatabase, WorkerMarks
from tests.holds.conftest import LivePrimer, OpenHolds

SHOWTIME, OTHER = 42, 43
NOTHING_HELD = Prime(5, ())


async def connected(open_holds: OpenHolds, redis: Redis, primer: LivePrimer) -> Holds:
    holds = open_holds(redis, primer)
    await holds.state(OTHER)
    primer.asked = 0
    return holds


async def take(holds: Holds, seat_id: int) -> frozenset[int]:
    return await holds.take(showtime_id=SHOWTIME, reservation_id=uuid4(), seat_ids=[seat_id], ttl_ms=60_000)


async def test_a_take_after_it_finds_the_showtime_primed(redis: Redis, open_holds: OpenHolds) -> None:
    primer = LivePrimer()
    holds = await connected(open_holds, redis, primer)
    start = holds.read_start(SHOWTIME)
    holds.prime_unread(SHOWTIME, Prime(5, (LiveHold(7, uuid4(), 60_000),)), start)
    assert await take(holds, 7) == {7}
    assert (await holds.state(SHOWTIME)).version == 5
    assert primer.asked == 0


async def test_it_leaves_a_showtime_that_redis_knows(redis: Redis, open_holds: OpenHolds) -> None:
    holds, other = [await connected(open_holds, redis, LivePrimer()) for _ in range(2)]
    start = holds.read_start(SHOWTIME)
    assert await take(other, 1) == frozenset()
    before = await other.state(SHOWTIME)
    holds.prime_unread(SHOWTIME, NOTHING_HELD, start)
    assert await holds.state(SHOWTIME) == before
    assert await take(holds, 1) == {1}


async def test_a_reading_from_before_redis_lost_its_data_primes_nothing(redis: Redis, open_holds: OpenHolds) -> None:
    """Another worker has taken a hold meanwhile, which is in PostgreSQL by now."""
    primer, holder = LivePrimer(), uuid4()
    holds = await connected(open_holds, redis, primer)
    start = holds.read_start(SHOWTIME)
    for connects_again in (False, True):
        await redis.flushall()
        if connects_again:  # which writes RUN_KEY again
            await connected(open_holds, redis, LivePrimer())
        primer.holds = (LiveHold(1, holder, 60_000),)
        holds.prime_unread(SHOWTIME, NOTHING_HELD, start)
        assert await take(holds, 1) == {1}


async def test_a_reading_from_before_a_restart_primes_nothing(redis: Redis, open_holds: OpenHolds) -> None:
    """Also if a worker of the version before was the first to connect, which writes nothing but RUN_KEY."""
    holds = await connected(open_holds, redis, LivePrimer(LiveHold(1, uuid4(), 60_000)))
    start = holds.read_start(SHOWTIME)
    await redis.set(RUN_KEY, "f00")
    holds.prime_unread(SHOWTIME, NOTHING_HELD, start)
    assert await take(holds, 1) == {1}


async def test_a_reading_from_before_postgresql_was_restored_primes_nothing(
    redis: Redis, open_holds: OpenHolds
) -> None:
    holds = await connected(open_holds, redis, LivePrimer(LiveHold(1, uuid4(), 60_000)))
    marks, known = WorkerMarks(redis), KnownDatabase("a", 5)
    await marks.detect_restore(KnownDatabase("", 0), known, raised_to=5)
    start = holds.read_start(SHOWTIME)
    assert await marks.detect_restore(known, KnownDatabase("a", 4), raised_to=6)
    holds.prime_unread(SHOWTIME, NOTHING_HELD, start)
    assert await take(holds, 1) == {1}


async def test_it_leaves_out_what_was_released_after_postgresql_was_read(redis: Redis, open_holds: OpenHolds) -> None:
    holds, released = await connected(open_holds, redis, LivePrimer()), uuid4()
    start = holds.read_start(SHOWTIME)
    await holds.release([HoldRelease(SHOWTIME, released, [1])])
    holds.prime_unread(SHOWTIME, Prime(5, (LiveHold(1, released, 60_000), LiveHold(2, uuid4(), 60_000))), start)
    [found] = await holds.snapshots([SHOWTIME])
    assert isinstance(found, Snapshot)
    assert found.held == {2}


async def test_after_a_loss_of_data_a_reading_that_begins_later_primes_again(
    redis: Redis, open_holds: OpenHolds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "READ_AFTER_LOSS_S", 60.0)
    primer = LivePrimer()
    holds = await connected(open_holds, redis, primer)
    before = holds.read_start(SHOWTIME)
    await redis.flushall()
    assert isinstance(holds.server, RedisServer)
    # Redis tells of the loss before the first reply, and answers what is asked then before the second.
    for _ in range(2):
        await holds.server.call(pack("PING"))
    assert holds.read_start(SHOWTIME).kept_since == ""  # a hold that is lost may be on its way to PostgreSQL
    assert 0 < holds.server.reading_delay_s() <= 60
    holds.server.kept_at -= 60  # the time has passed
    start = holds.read_start(SHOWTIME)
    assert start.kept_since not in {"", before.kept_since}
    holds.prime_unread(SHOWTIME, Prime(5, (LiveHold(7, uuid4(), 60_000),)), start)
    assert await take(holds, 7) == {7}
    assert primer.asked == 0


async def test_many_held_seats_and_old_readings_are_not_sent(redis: Redis, open_holds: OpenHolds) -> None:
    primer = LivePrimer()
    holds = await connected(open_holds, redis, primer)
    start = holds.read_start(SHOWTIME)
    many = Prime(5, tuple(LiveHold(seat_id, uuid4(), 60_000) for seat_id in range(101)))
    holds.prime_unread(SHOWTIME, many, start)
    holds.prime_unread(SHOWTIME, NOTHING_HELD, start._replace(started=start.started - 6))
    holds.prime_unread(SHOWTIME, NOTHING_HELD, start._replace(kept_since=""))
    assert await take(holds, 1) == frozenset()
    assert primer.asked == 1


async def test_a_worker_that_connects_to_a_redis_that_kept_everything_reads_at_once(
    redis: Redis, open_holds: OpenHolds, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connected(open_holds, redis, LivePrimer())
    run, since = str(await redis.get(f"{RUN_KEY}:kept_since")).split()
    await redis.set(f"{RUN_KEY}:kept_since", f"{run} {int(since) - 3_600_000_000}")
    monkeypatch.setattr(redis_server, "READ_AFTER_LOSS_S", 60.0)
    holds = open_holds(redis, LivePrimer())
    assert isinstance(holds.server, RedisServer)
    assert holds.server.reading_delay_s() == 60  # it has not connected yet
    await holds.server.call(pack("PING"))
    assert holds.server.reading_delay_s() == 0
    assert holds.read_start(SHOWTIME).kept_since


async def test_an_answer_from_before_a_loss_does_not_say_that_redis_kept_everything(
    redis: Redis, open_holds: OpenHolds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both may come in one piece of data."""
    monkeypatch.setattr(redis_server, "READ_AFTER_LOSS_S", 60.0)
    holds = open_holds(redis, LivePrimer())
    server = holds.server
    assert isinstance(server, RedisServer)
    await server.call(pack("PING"))
    answered: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    answered.set_result([b"f00 1", 3_600_000])
    epoch = server.epoch
    server._on_changed()
    server._on_kept_since(epoch, answered)
    assert (server.kept_since, server.reading_delay_s() > 0) == ("", True)
