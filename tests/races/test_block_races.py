"""Blocks against holds and confirms: each seat is in the end blocked, or somebody's, or free."""

import asyncio
import random

from tests.api import Answer, Api, Connection, Person
from tests.catalog.test_blocks import block, blocks, unblock
from tests.catalog.test_seat_retirement import waiting
from tests.races.test_booking_races import assert_sound

ROUNDS = 8
SEATS = 6


async def blocked(api: Api, showtime_id: int) -> set[int]:
    return {each["seat_id"] for each in (await blocks(api, showtime_id))["items"]}


def named(answer: Answer) -> set[tuple[int, str]]:
    return {(seat["seat_id"], seat["reason"]) for seat in answer.json["seats"]}


async def customers(api: Api, count: int) -> list[Person]:
    return [await api.sign_up() for _ in range(count)]


async def test_a_seat_is_either_blocked_or_held(api: Api, db: Connection, redis_url: str) -> None:
    people, chance = await customers(api, 4), random.Random(3)
    for _ in range(ROUNDS):
        cinema = await api.cinema(rows=1, seats_per_row=SEATS)
        wanted = [chance.sample(cinema.seat_ids, 2) for _ in people]
        blocking = block(api, cinema.showtime_id, cinema.seat_ids[:3])
        holding = [api.hold(who, cinema.showtime_id, seats) for who, seats in zip(people, wanted, strict=True)]
        made, *held = await asyncio.gather(blocking, *holding)

        is_blocked = await blocked(api, cinema.showtime_id)
        won = {seat["seat_id"] for answer in held if answer.status == 201 for seat in answer.json["seats"]}
        assert not won & is_blocked
        assert is_blocked == ({*cinema.seat_ids[:3]} if made.status == 201 else set())
        if made.status == 409:
            assert {seat for seat, _ in named(made)} <= {*cinema.seat_ids[:3]}
        for answer in held:
            assert answer.status in {201, 409}
        for who, answer in zip(people, held, strict=True):
            if answer.status == 201:
                assert (await api.confirm(who, answer.json["id"])).status == 200
        statuses = await api.statuses(cinema.showtime_id)
        assert {seat for seat, status in statuses.items() if status == "booked"} == won
        assert {seat for seat, status in statuses.items() if status == "blocked"} == is_blocked
    await assert_sound(db, redis_url)


async def test_a_confirm_that_runs_against_a_block_wins(api: Api, db: Connection, redis_url: str) -> None:
    people = await customers(api, 3)
    for _ in range(ROUNDS):
        cinema = await api.cinema(rows=1, seats_per_row=3)
        held = [
            await api.hold(who, cinema.showtime_id, [seat]) for who, seat in zip(people, cinema.seat_ids, strict=True)
        ]
        made, *confirmed = await asyncio.gather(
            block(api, cinema.showtime_id, cinema.seat_ids),
            *(api.confirm(who, answer.json["id"]) for who, answer in zip(people, held, strict=True)),
        )
        assert {answer.status for answer in confirmed} == {200}
        assert made.status == 409
        assert {seat for seat, _ in named(made)} == {*cinema.seat_ids}
        assert {reason for _, reason in named(made)} <= {"held", "booked"}
        assert await blocked(api, cinema.showtime_id) == set()
    await assert_sound(db, redis_url)


async def test_a_block_finds_a_hold_that_is_being_written(api: Api, db: Connection) -> None:
    """The hold is in Redis, and its insert waits: the block waits for that."""
    cinema, customer = await api.cinema(), await api.sign_up()
    async with db.transaction():
        await db.execute("select from users where id = $1 for update", customer.id)
        holding = asyncio.create_task(api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1]))
        await waiting(db, 1)
        blocking = asyncio.create_task(block(api, cinema.showtime_id, cinema.seat_ids[:2]))
        await waiting(db, 2)
    assert (await holding).status == 201
    refused = await blocking
    assert named(refused) == {(cinema.seat_ids[0], "held")}


async def test_a_hold_whose_layout_is_from_before_the_block_is_refused(
    api: Api, db: Connection, redis_url: str
) -> None:
    """Its insert reads booked_seats as of its beginning, and the showtime's row as of the block."""
    cinema, customer = await api.cinema(rows=1, seats_per_row=2), await api.sign_up()
    first = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])  # the worker keeps the layout
    assert (await api.cancel(customer, first.json["id"])).status == 200
    version = "select layout_version from showtimes where id = $1"
    before = await db.fetchval(version, cinema.showtime_id)
    assert (await block(api, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    assert await db.fetchval(version, cinema.showtime_id) == before + 1
    refused = await api.hold(customer, cinema.showtime_id, cinema.seat_ids)
    assert named(refused) == {(cinema.seat_ids[0], "blocked")}
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:])).status == 201
    await assert_sound(db, redis_url)


async def test_of_racing_blocks_of_a_seat_one_succeeds(api: Api, db: Connection, redis_url: str) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=3)
    answers = await asyncio.gather(*(block(api, cinema.showtime_id, cinema.seat_ids[:2], f"R{n}") for n in range(5)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409]
    [won] = [answer for answer in answers if answer.status == 201]
    assert (await blocks(api, cinema.showtime_id))["items"] == won.json["seats"]
    for answer in answers:
        if answer is not won:
            assert named(answer) == {(seat, "blocked") for seat in cinema.seat_ids[:2]}


async def test_after_an_unblock_and_a_hold_at_once_the_seat_is_held_or_free(
    api: Api, db: Connection, redis_url: str
) -> None:
    [customer] = await customers(api, 1)
    for _ in range(ROUNDS):
        cinema = await api.cinema(rows=1, seats_per_row=2)
        assert (await block(api, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
        gone, held = await asyncio.gather(
            unblock(api, cinema.showtime_id, cinema.seat_ids[:1]),
            api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1]),
        )
        assert gone.status == 204
        assert await blocked(api, cinema.showtime_id) == set()
        if held.status == 409:
            assert named(held) == {(cinema.seat_ids[0], "blocked")}
            held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        assert held.status == 201
        assert (await api.confirm(customer, held.json["id"])).status == 200
    await assert_sound(db, redis_url)
