"""Workers of the version before migration 0012 beside workers of this one, as during a rolling restart."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

from tests.api import Api, Cinema, Connection, Person
from tests.conftest import StartApi
from tests.db import before_0012 as before
from tests.races.test_batches import Wish, forget_holds, held, revive_holds
from tests.races.test_booking_races import assert_sound, owners

ROUNDS = 12
TRIES = 20

UNTOLD = "wrong_events"  # the version before tells no events


@pytest.fixture
async def old(database_url: str) -> AsyncIterator[list[Connection]]:
    """Connections of a worker of the version before."""
    settings = {"application_name": "before", "lock_timeout": "5s", "plan_cache_mode": "force_generic_plan"}
    connections = [await asyncpg.connect(database_url, server_settings=settings) for _ in range(4)]
    yield connections
    for connection in connections:
        await connection.close()


async def overlapping_holds(
    api: Api, db: Connection, redis_url: str, old: Sequence[Connection], cinema: Cinema, customers: Sequence[Person]
) -> list[Wish]:
    """In each round a worker of each version holds half of the seats, in pairs; those of different rounds overlap."""
    chance = random.Random(7)
    wishes: list[Wish] = []
    for _ in range(ROUNDS):
        await forget_holds(db, redis_url)
        seats = chance.sample(cinema.seat_ids, len(cinema.seat_ids))
        pairs = [seats[start : start + 2] for start in range(0, len(seats), 2)]
        for number, pair in enumerate(pairs):
            who = chance.choice(customers)
            if number % 2:
                wishes.append(await held(api, who, cinema.showtime_id, pair))
            else:
                made = await before.hold(old[0], who.id, cinema.showtime_id, pair)
                assert made is not None
                wishes.append(Wish(who, cinema.showtime_id, made, frozenset(pair)))
    await revive_holds(db)
    chance.shuffle(wishes)
    return wishes


async def confirm_by_old(old: asyncio.Queue[Connection], wish: Wish) -> bool:
    connection = await old.get()
    try:
        for _ in range(TRIES):
            done = await before.confirm(connection, wish.who.id, wish.reservation_id)
            if done is not None:
                return done
    finally:
        old.put_nowait(connection)
    raise AssertionError("it was tried too often")


async def confirm_by_new(api: Api, wish: Wish) -> bool:
    for _ in range(TRIES):
        answer = await api.confirm(wish.who, str(wish.reservation_id))
        if answer.status != 503:
            assert answer.status in (200, 409), answer.text
            return answer.status == 200
    raise AssertionError("it was tried too often")


async def test_confirms_of_two_versions_sell_no_seat_twice(
    api: Api, db: Connection, redis_url: str, old: list[Connection]
) -> None:
    """Each confirms holds of both, all at once; then each cancels some of what the other has confirmed."""
    cinema = await api.cinema(rows=4, seats_per_row=10)
    customers = [await api.sign_up() for _ in range(3)]
    wishes = await overlapping_holds(api, db, redis_url, old, cinema, customers)
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in old:
        free.put_nowait(connection)

    outcomes = await asyncio.gather(
        *(confirm_by_old(free, wish) if place % 2 else confirm_by_new(api, wish) for place, wish in enumerate(wishes))
    )

    sold = [wish for wish, confirmed in zip(wishes, outcomes, strict=True) if confirmed]
    assert 3 < len(sold) < len(wishes)
    assert await owners(db, cinema.showtime_id) == Counter(seat for wish in sold for seat in wish.seat_ids)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()  # where a worker of the version before releases what it has confirmed
    await assert_sound(db, redis_url, but=UNTOLD)

    half = len(sold) // 2
    cancelled = await asyncio.gather(*(api.cancel(wish.who, str(wish.reservation_id)) for wish in sold[:half]))
    assert {answer.status for answer in cancelled} == {200}
    for wish in sold[half:-1]:
        assert await before.cancel(old[0], wish.who.id, wish.reservation_id) == "confirmed"
    assert await owners(db, cinema.showtime_id) == Counter(sold[-1].seat_ids)
    await assert_sound(db, redis_url, but=UNTOLD)


async def test_a_hold_of_the_version_before_reads_as_one_of_this(
    start_api: StartApi, db: Connection, old: list[Connection]
) -> None:
    api = await start_api()
    cinema, customer = await api.cinema(), await api.sign_up()
    wanted = [cinema.seat_ids[11], cinema.seat_ids[3], cinema.seat_ids[10]]
    made = await before.hold(old[0], customer.id, cinema.showtime_id, wanted)
    twin = (await api.hold(customer, cinema.showtime_id, [cinema.seat_ids[20]])).json

    shown = (await api.call("GET", f"/reservations/{made}", who=customer)).json

    assert [seat["seat_id"] for seat in shown["seats"]] == sorted(wanted)
    assert [(seat["row_label"], seat["seat_number"]) for seat in shown["seats"]] == [("A", 4), ("B", 1), ("B", 2)]
    assert (shown["total_price"], {seat["price"] for seat in shown["seats"]}) == ("30.00", {"10.00"})
    assert shown.keys() == twin.keys()
    row = await old[0].fetchrow(before.statement("find_reservation"), UUID(twin["id"]), customer.id)
    assert row is not None
    assert (row["seat_ids"], row["prices"]) == ([cinema.seat_ids[20]], ["10.00"])
