"""A request that waits or fails delays no other request and fails none."""

import asyncio
from contextlib import aclosing
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from reservation.dba.audit import audit
from reservation.holds.map_states import MapState
from reservation.holds.map_versions import MapVersions
from reservation.holds.prime import Prime
from reservation.holds.store import Holds
from tests.api import Api, Cinema, Connection, Person

STRANGERS = 40


async def held(api: Api, who: Person, cinema: Cinema, seat_ids: list[int]) -> str:
    answer = await api.hold(who, cinema.showtime_id, seat_ids)
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


async def test_confirms_of_other_reservations_succeed_while_one_is_locked(api: Api, db: Connection) -> None:
    """As by a worker that stopped in the middle of a transaction."""
    cinema, customer = await api.cinema(), await api.sign_up()
    locked, *others = [await held(api, customer, cinema, [seat]) for seat in cinema.seat_ids[: STRANGERS + 1]]
    async with db.transaction():
        await db.fetch("select 1 from reservations where id = $1 for update", locked)
        waiting = asyncio.create_task(api.confirm(customer, locked))

        answers = await asyncio.wait_for(asyncio.gather(*(api.confirm(customer, one) for one in others)), 4)

        assert {answer.status for answer in answers} == {200}
        assert not waiting.done()
    assert (await waiting).json["status"] == "confirmed"


async def test_confirms_during_deletions_of_their_showtime_succeed_without_deadlock(
    api: Api, db: Connection, database_url: str
) -> None:
    cinema, customer, admin = await api.cinema(rows=10), await api.sign_up(), await api.admin()
    reservations = [await held(api, customer, cinema, [seat]) for seat in cinema.seat_ids[:100]]
    over = asyncio.Event()

    async def delete_again_and_again() -> set[int]:
        statuses = set()
        while not over.is_set():
            answer = await api.call("DELETE", f"/admin/showtimes/{cinema.showtime_id}", who=admin)
            statuses.add(answer.status)
        return statuses

    deletions = [asyncio.create_task(delete_again_and_again()) for _ in range(3)]
    for start in range(0, 100, 10):
        answers = await asyncio.gather(*(api.confirm(customer, one) for one in reservations[start : start + 10]))
        assert {answer.status for answer in answers} == {200}
    over.set()

    assert {status for statuses in await asyncio.gather(*deletions) for status in statuses} == {409}
    watcher = await asyncpg.connect(database_url)  # statistics are fresh in a session that has not looked yet
    assert await watcher.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0
    await watcher.close()


async def test_a_queued_hold_ends_in_both_stores_at_the_same_time(api: Api, db: Connection, redis_url: str) -> None:
    """It waits behind a hold that cannot be inserted yet; the wait does not lengthen it in PostgreSQL."""
    cinema, customer = await api.cinema(), await api.sign_up()
    await held(api, customer, cinema, cinema.seat_ids[:1])  # the caches are warm
    async with db.transaction():
        await db.execute("lock table reservations in share row exclusive mode")
        blocked = asyncio.create_task(api.hold(customer, cinema.showtime_id, cinema.seat_ids[2:3]))
        await asyncio.sleep(0.2)
        queued = asyncio.create_task(api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2]))
        await asyncio.sleep(1.5)
    answers = [await blocked, await queued]

    assert [answer.status for answer in answers] == [201, 201]
    left_s = await db.fetchval(
        "select extract(epoch from expires_at - clock_timestamp())::float8 from reservations where id = $1",
        answers[1].json["id"],
    )
    async with Redis.from_url(redis_url) as redis:
        kept_s = await redis.pttl(f"{{{cinema.showtime_id}}}:seat:{cinema.seat_ids[1]}") / 1000
    assert left_s == pytest.approx(kept_s, abs=0.5)


async def test_a_showtime_that_is_slow_to_prime_does_not_delay_others(redis_url: str) -> None:
    go_on, reading = asyncio.Event(), asyncio.Event()

    async def primer(showtime_id: int) -> Prime:
        if showtime_id == 1:
            reading.set()
            await go_on.wait()
        return Prime(showtime_id * 1000, ())

    async with (
        Redis.from_url(redis_url, decode_responses=True) as redis,
        aclosing(Holds(redis, primer, MapVersions())) as holds,
    ):
        slow = asyncio.create_task(holds.state(1))
        await reading.wait()

        assert await asyncio.wait_for(holds.state(2), 10) == MapState(2000, 2000)
        taken = holds.take(showtime_id=3, reservation_id=uuid4(), seat_ids=[1], ttl_ms=60_000)
        assert await asyncio.wait_for(taken, 10) == frozenset()
        assert not slow.done()

        go_on.set()
        assert await slow == MapState(1000, 1000)


async def test_a_release_that_redis_refuses_does_not_delay_other_releases(
    api: Api, db: Connection, redis_url: str
) -> None:
    """Its Redis key has a value of another type."""
    first, second, customer = await api.cinema(), await api.cinema(), await api.sign_up()
    reservations = [await held(api, customer, cinema, cinema.seat_ids[:1]) for cinema in (first, second)]
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        for cinema in (first, second):
            await redis.set(f"{{{cinema.showtime_id}}}:map", "something else")
        for reservation in reservations:
            assert (await api.confirm(customer, reservation)).status == 200
        await redis.delete(f"{{{second.showtime_id}}}:map")

        async with asyncio.timeout(10):
            while await redis.exists(f"{{{second.showtime_id}}}:seat:{second.seat_ids[0]}"):
                await asyncio.sleep(0.05)

        assert await redis.exists(f"{{{first.showtime_id}}}:seat:{first.seat_ids[0]}")
        await redis.delete(f"{{{first.showtime_id}}}:map")
        async with asyncio.timeout(10):
            while await redis.exists(f"{{{first.showtime_id}}}:seat:{first.seat_ids[0]}"):
                await asyncio.sleep(0.05)
        assert await audit(db, redis) == []
