"""Holds in Redis: all or none, expiry, versions, and priming after Redis lost its data."""

import asyncio
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from reservation.errors import HoldsUnavailable
from reservation.holds.map_states import Snapshot
from reservation.holds.prime import LiveHold, Prime
from reservation.holds.release_calls import HoldRelease
from reservation.holds.store import Holds
from tests.holds.conftest import LivePrimer, OpenHolds

SHOWTIME = 42


async def take(holds: Holds, seat_ids: list[int], *, ttl_s: int = 60, who: UUID | None = None) -> frozenset[int]:
    return await holds.take(showtime_id=SHOWTIME, reservation_id=who or uuid4(), seat_ids=seat_ids, ttl_ms=ttl_s * 1000)


async def release(holds: Holds, who: UUID, seat_ids: list[int]) -> None:
    await holds.release([HoldRelease(SHOWTIME, who, seat_ids)])


async def version(holds: Holds) -> int:
    return (await holds.state(SHOWTIME)).version


async def snapshot(holds: Holds) -> Snapshot:
    [found] = await holds.snapshots([SHOWTIME])
    assert isinstance(found, Snapshot)
    return found


async def test_a_hold_takes_all_seats_or_none(redis: Redis, open_holds: OpenHolds) -> None:
    holds = open_holds(redis, LivePrimer())
    assert await take(holds, [1, 2]) == frozenset()

    assert await take(holds, [2, 3, 1]) == {1, 2}

    assert (await snapshot(holds))[1] == {1, 2}
    assert await take(holds, [3]) == frozenset()


async def test_taking_again_for_the_same_reservation_is_harmless(redis: Redis, open_holds: OpenHolds) -> None:
    """A client repeats a command whose connection broke: it cannot know whether it was executed."""
    holds, who = open_holds(redis, LivePrimer()), uuid4()
    await take(holds, [1, 2], who=who)

    assert await take(holds, [1, 2], who=who) == frozenset()

    assert await take(holds, [1]) == {1}


async def test_every_change_increments_the_version(redis: Redis, open_holds: OpenHolds) -> None:
    holds, who = open_holds(redis, LivePrimer()), uuid4()
    versions = [await version(holds)]
    await take(holds, [1], who=who)
    versions.append(await version(holds))
    await release(holds, who, [1])
    versions.append(await version(holds))

    assert versions == sorted(set(versions))
    assert await version(holds) == versions[-1]


async def test_a_refused_hold_changes_nothing(redis: Redis, open_holds: OpenHolds) -> None:
    holds = open_holds(redis, LivePrimer())
    await take(holds, [1])
    before = await snapshot(holds)

    await take(holds, [1, 2])

    assert await snapshot(holds) == before


async def test_an_expired_hold_increments_the_version(redis: Redis, open_holds: OpenHolds) -> None:
    holds = open_holds(redis, LivePrimer())
    await take(holds, [1], ttl_s=1)
    (before, _), held = await snapshot(holds)
    assert held == {1}

    await asyncio.sleep(1.1)

    assert await version(holds) > before
    assert (await snapshot(holds))[1] == frozenset()
    assert await take(holds, [1]) == frozenset()


async def test_a_release_leaves_a_seat_that_another_reservation_took_since(redis: Redis, open_holds: OpenHolds) -> None:
    holds, first = open_holds(redis, LivePrimer()), uuid4()
    await take(holds, [1], ttl_s=1, who=first)
    await asyncio.sleep(1.1)
    await take(holds, [1])

    await release(holds, first, [1])

    assert await take(holds, [1]) == {1}


async def test_an_unknown_showtime_is_primed_once_with_the_live_holds(redis: Redis, open_holds: OpenHolds) -> None:
    holder = uuid4()
    primer = LivePrimer(LiveHold(7, holder, 60_000), LiveHold(8, holder, 60_000))
    holds = open_holds(redis, primer)

    assert await take(holds, [6, 7]) == {7}

    assert (await snapshot(holds))[1] == {7, 8}
    assert primer.asked == 1
    await release(holds, holder, [7, 8])
    assert await take(holds, [6, 7]) == frozenset()


async def test_a_primed_hold_expires_when_postgresql_says(redis: Redis, open_holds: OpenHolds) -> None:
    holds = open_holds(redis, LivePrimer(LiveHold(7, uuid4(), 300)))
    assert await take(holds, [7]) == {7}

    await asyncio.sleep(0.4)

    assert await take(holds, [7]) == frozenset()


async def test_versions_do_not_decrease_when_redis_loses_its_data(redis: Redis, open_holds: OpenHolds) -> None:
    holds = open_holds(redis, LivePrimer())
    for seat in range(20):
        await take(holds, [seat])
    before = await version(holds)

    await redis.flushall()

    assert await version(holds) > before


async def test_a_second_prime_does_not_overwrite_holds_taken_since_the_first(
    redis: Redis, open_holds: OpenHolds
) -> None:
    """Two workers prime concurrently from views of different age: a hold taken after the first prime stays."""
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def slow_primer(_: int) -> Prime:
        reading.set()
        await go_on.wait()
        return Prime(5, ())

    slow, quick = open_holds(redis, slow_primer), open_holds(redis, LivePrimer())
    late = asyncio.create_task(version(slow))
    await reading.wait()
    await take(quick, [1])
    at_first = await version(quick)
    go_on.set()

    assert await late == at_first
    assert await take(slow, [1]) == {1}


async def test_a_prime_from_before_redis_lost_its_data_again_is_not_applied(
    redis: Redis, open_holds: OpenHolds
) -> None:
    """It was read before another worker took a hold, which is in PostgreSQL by now."""
    reading, go_on, holder = asyncio.Event(), asyncio.Event(), uuid4()
    committed = list[LiveHold]()

    async def slow_primer(_: int) -> Prime:
        found = Prime(5 + len(committed), tuple(committed))
        reading.set()
        await go_on.wait()
        return found

    slow, quick = open_holds(redis, slow_primer), open_holds(redis, LivePrimer())
    late = asyncio.create_task(take(slow, [1]))
    await reading.wait()
    assert await take(quick, [1], who=holder) == frozenset()
    committed.append(LiveHold(1, holder, 60_000))
    await redis.flushall()
    go_on.set()

    assert await late == {1}


async def test_a_prime_leaves_out_what_was_released_after_postgresql_was_read(
    redis: Redis, open_holds: OpenHolds
) -> None:
    reading, go_on, released, kept = asyncio.Event(), asyncio.Event(), uuid4(), uuid4()

    async def slow_primer(_: int) -> Prime:
        reading.set()
        await go_on.wait()
        return Prime(5, (LiveHold(1, released, 60_000), LiveHold(2, kept, 60_000)))

    holds = open_holds(redis, slow_primer)
    late = asyncio.create_task(snapshot(holds))
    await reading.wait()
    await release(holds, released, [1])
    go_on.set()

    assert (await late)[1] == {2}
    assert await take(holds, [1]) == frozenset()


async def test_an_undo_releases_a_take_and_no_hold_that_was_extended_or_primed(
    redis: Redis, open_holds: OpenHolds
) -> None:
    failed, extended, primed = uuid4(), uuid4(), uuid4()
    holds = open_holds(redis, LivePrimer(LiveHold(3, primed, 60_000)))
    await take(holds, [1], who=failed)
    await take(holds, [2], who=extended)
    await holds.extend(showtime_id=SHOWTIME, reservation_id=extended, seat_ids=[2], ttl_ms=60_000)

    undone = [(1, failed), (2, extended), (3, primed)]
    await holds.release([HoldRelease(SHOWTIME, who, [seat], undo=True) for seat, who in undone])

    assert (await snapshot(holds)).held == {2, 3}
    await holds.release([HoldRelease(SHOWTIME, who, [seat]) for seat, who in undone])
    assert (await snapshot(holds)).held == frozenset()


async def test_an_extension_does_not_shorten_a_hold(redis: Redis, open_holds: OpenHolds) -> None:
    holds, who = open_holds(redis, LivePrimer()), uuid4()
    await take(holds, [1], who=who)
    await holds.extend(showtime_id=SHOWTIME, reservation_id=who, seat_ids=[1], ttl_ms=1_000)
    assert await redis.pttl(f"{{{SHOWTIME}}}:seat:1") > 50_000


async def test_concurrent_holds_have_no_seat_in_common(redis: Redis, open_holds: OpenHolds) -> None:
    holds = open_holds(redis, LivePrimer())
    wishes = [[seat, (seat * 7 + 3) % 20] for seat in range(20)] * 4

    lost = await asyncio.gather(*(take(holds, list(dict.fromkeys(wish))) for wish in wishes))

    won = [seat for wish, missing in zip(wishes, lost, strict=True) if not missing for seat in dict.fromkeys(wish)]
    assert len(won) == len(set(won))
    assert (await snapshot(holds))[1] == set(won)


async def test_a_redis_out_of_reach_raises_holds_unavailable(open_holds: OpenHolds) -> None:
    async with Redis.from_url("redis://127.0.0.1:1", decode_responses=True) as unreachable:
        holds = open_holds(unreachable, LivePrimer())
        with pytest.raises(HoldsUnavailable):
            await version(holds)
        with pytest.raises(HoldsUnavailable):
            await take(holds, [1])
        with pytest.raises(HoldsUnavailable):
            await holds.ping()


async def test_of_several_holds_of_a_seat_the_next_one_gets_it_when_it_is_released(
    redis: Redis, open_holds: OpenHolds
) -> None:
    ids, seats = [uuid4() for _ in range(4)], [1, 2]
    primed = [LiveHold(seat, each, 60_000 - place) for seat in seats for place, each in enumerate(ids)]
    holds = open_holds(redis, LivePrimer(*primed))
    await holds.state(SHOWTIME)

    async def end(reservation_id: UUID) -> list[UUID]:
        await holds.release([HoldRelease(SHOWTIME, reservation_id, seats)])
        return await holds.holders(showtime_id=SHOWTIME, seat_ids=seats)

    assert await holds.holders(showtime_id=SHOWTIME, seat_ids=seats) == [ids[0]] * 2
    assert await end(ids[2]) == [ids[0]] * 2  # it has left its place
    assert await end(ids[0]) == [ids[1]] * 2
    assert await end(ids[1]) == [ids[3]] * 2
    [found] = await holds.snapshots([SHOWTIME])
    assert isinstance(found, Snapshot)
    assert found.held == {1, 2}
    assert await end(ids[3]) == []
    assert {str(field) for field in await redis.hkeys(f"{{{SHOWTIME}}}:map")} == {"version", "layout"}
