"""Changes of the seats of reservations at once with others: each seat has one owner in the end."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.booking import change_seats, seat_change_plan
from reservation.errors import HoldsUnavailable
from reservation.holds.store import Holds
from tests.api import Answer, Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound, owners


async def reserved(api: Api, who: Person, cinema: Cinema, seat_ids: list[int], *, confirmed: bool = True) -> Any:
    """The id of a new reservation."""
    held = await api.hold(who, cinema.showtime_id, seat_ids)
    assert held.status == 201, held.text
    if confirmed:
        assert (await api.confirm(who, held.json["id"])).status == 200
    return held.json["id"]


async def cancel_seats(api: Api, who: Person, reservation_id: str, seat_ids: list[int]) -> Answer:
    return await api.call("POST", f"/reservations/{reservation_id}/cancel", {"seat_ids": seat_ids}, who=who)


async def seats_now(api: Api, who: Person, reservation_id: str) -> set[int]:
    read = await api.call("GET", f"/reservations/{reservation_id}", who=who)
    return {seat["seat_id"] for seat in read.json["seats"]}


async def test_a_seat_is_given_up_by_one_of_several_partial_cancels(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    seat_ids = cinema.seat_ids[:10]
    reservation_id = await reserved(api, customer, cinema, seat_ids)

    answers = await asyncio.gather(
        *(cancel_seats(api, customer, reservation_id, seat_ids[place : place + 2]) for place in range(8))
    )

    assert {answer.status for answer in answers} == {200, 422}
    given_up = [seat for place in range(8) if answers[place].status == 200 for seat in seat_ids[place : place + 2]]
    assert len(given_up) == len(set(given_up))
    assert await seats_now(api, customer, reservation_id) == {*seat_ids} - {*given_up}
    assert await owners(db, cinema.showtime_id) == Counter({*seat_ids} - {*given_up})
    assert await db.fetchval("select count(*) from reservation_changes") == len(given_up) / 2
    await assert_sound(db, redis_url)


async def test_a_confirm_during_a_partial_cancel_books_the_seats_that_are_left(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer, other = await api.cinema(rows=2), await api.sign_up(), await api.sign_up()
    for first in range(0, 20, 2):
        kept, given_up = cinema.seat_ids[first : first + 2]
        reservation_id = await reserved(api, customer, cinema, [kept, given_up], confirmed=False)

        confirmed, cancelled, rival = await asyncio.gather(
            api.confirm(customer, reservation_id),
            cancel_seats(api, customer, reservation_id, [given_up]),
            api.hold(other, cinema.showtime_id, [given_up]),
        )

        assert (confirmed.status, cancelled.status) == (200, 200), (confirmed.text, cancelled.text)
        assert rival.status in (201, 409)
        assert await seats_now(api, customer, reservation_id) == {kept}
        if rival.status == 201:
            assert (await api.confirm(other, rival.json["id"])).status == 200
            assert (
                await db.fetchval("select reservation_id::text from booked_seats where seat_id = $1", given_up)
                == (rival.json["id"])
            )
    assert (await owners(db, cinema.showtime_id)).keys() >= {*cinema.seat_ids[:20:2]}
    await assert_sound(db, redis_url)


async def test_a_partial_cancel_and_a_cancel_at_once_leave_nothing(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    for first in range(0, 20, 2):
        seat_ids = cinema.seat_ids[first : first + 2]
        reservation_id = await reserved(api, customer, cinema, seat_ids)

        part, whole = await asyncio.gather(
            cancel_seats(api, customer, reservation_id, seat_ids[:1]), api.cancel(customer, reservation_id)
        )

        assert whole.status == 200
        assert part.status in (200, 422)
        assert whole.json["status"] == "cancelled"
    assert not await owners(db, cinema.showtime_id)
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    await assert_sound(db, redis_url)


async def test_a_late_confirm_and_a_new_hold_at_once_give_the_seat_to_one_of_them(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer = await api.cinema(rows=2), await api.sign_up()
    rivals = [await api.sign_up() for _ in range(4)]
    sold = Counter[int]()
    for seat in cinema.seat_ids:
        late = await reserved(api, customer, cinema, [seat], confirmed=False)
        await db.execute("update reservations set expires_at = created_at + interval '1 us' where id = $1", late)
        async with Redis.from_url(redis_url) as redis:
            await redis.delete(f"{{{cinema.showtime_id}}}:seat:{seat}")
            await redis.zrem(f"{{{cinema.showtime_id}}}:held", seat)

        confirmed, *holds = await asyncio.gather(
            api.confirm(customer, late), *(api.hold(who, cinema.showtime_id, [seat]) for who in rivals)
        )

        held = [(who, hold.json["id"]) for who, hold in zip(rivals, holds, strict=True) if hold.status == 201]
        assert {hold.status for hold in holds} <= {201, 409, 503}
        assert confirmed.status in (200, 410, 503)
        assert len(held) + (confirmed.status == 200) <= 1
        for who, reservation_id in held:  # the answered hold wins
            assert (await api.confirm(who, reservation_id)).status == 200
        sold[seat] += bool(held) or confirmed.status == 200
    assert await owners(db, cinema.showtime_id) == sold
    assert sold.total() > 10  # a 503 is for who waited longer than 300 ms for the showtime
    await assert_sound(db, redis_url)


async def exchange(
    api: Api, who: Person, reservation_id: str, seat_ids: list[int], showtime_id: int | None = None
) -> Answer:
    body = {"seat_ids": seat_ids} | ({} if showtime_id is None else {"showtime_id": showtime_id})
    return await api.call("POST", f"/reservations/{reservation_id}/exchange", body, who=who)


async def seats_of_all(api: Api, reserved_by: list[tuple[Person, str]]) -> list[set[int]]:
    return [await seats_now(api, who, reservation_id) for who, reservation_id in reserved_by]


@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "held"])
async def test_two_reservations_that_want_each_others_seats_do_not_wait_for_each_other(
    api: Api, db: Connection, redis_url: str, confirmed: bool
) -> None:
    cinema, customers = await api.cinema(), [await api.sign_up() for _ in range(2)]
    pairs = [cinema.seat_ids[:3], cinema.seat_ids[3:6]]
    ids = [
        await reserved(api, who, cinema, seats, confirmed=confirmed)
        for who, seats in zip(customers, pairs, strict=True)
    ]
    for _ in range(8):
        answers = await asyncio.gather(
            exchange(api, customers[0], ids[0], pairs[1]), exchange(api, customers[1], ids[1], pairs[0][::-1])
        )
        assert {answer.status for answer in answers} == {409}, [answer.text for answer in answers]
    assert await seats_of_all(api, [*zip(customers, ids, strict=True)]) == [{*pairs[0]}, {*pairs[1]}]
    await assert_sound(db, redis_url)


async def test_a_chain_of_exchanges_holds_and_cancels_leaves_each_seat_with_one_owner(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    """Two workers; everybody exchanges into what others are giving up, in two showtimes of one room."""
    first, second = await start_api(), await start_api()
    cinema = await first.cinema(rows=1, seats_per_row=10)
    other = await first.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    customers = [await first.sign_up() for _ in range(6)]
    ids = [
        await reserved(first, who, cinema, cinema.seat_ids[place : place + 1], confirmed=place % 2 == 0)
        for place, who in enumerate(customers)
    ]
    chance = random.Random(5)

    async def act(place: int) -> None:
        api, who = (first, second)[place % 2], customers[place]
        for _ in range(8):
            wanted = chance.sample(cinema.seat_ids, 2)
            showtime_id = chance.choice((cinema.showtime_id, other))
            answer = await exchange(api, who, ids[place], wanted, showtime_id)
            assert answer.status in (200, 409, 503), answer.text
            if answer.status == 200 and chance.random() < 0.3:
                assert (await cancel_seats(api, who, ids[place], wanted[:1])).status == 200
            if chance.random() < 0.2:
                await api.confirm(who, ids[place])
            held = await api.hold(who, showtime_id, chance.sample(cinema.seat_ids, 1))
            if held.status == 201:
                await (api.confirm if chance.random() < 0.3 else api.cancel)(who, held.json["id"])

    await asyncio.gather(*(act(place) for place in range(6)))

    for showtime_id in (cinema.showtime_id, other):
        sold = await owners(db, showtime_id)
        assert set(sold.values()) <= {1}
    live = await db.fetch(
        "select showtime_id, unnest(seat_ids) as seat_id from reservations"
        " where status = 'confirmed' or status = 'held' and expires_at > now()"
    )
    assert len({tuple(row) for row in live}) == len(live)
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "held"])
async def test_an_exchange_and_a_cancel_at_once_have_one_outcome(
    api: Api, db: Connection, redis_url: str, confirmed: bool
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    for place in range(0, 20, 2):
        old, new = cinema.seat_ids[place : place + 2]
        reservation_id = await reserved(api, customer, cinema, [old], confirmed=confirmed)
        exchanged, cancelled = await asyncio.gather(
            exchange(api, customer, reservation_id, [new]), api.cancel(customer, reservation_id)
        )
        assert cancelled.status == 200, cancelled.text
        assert exchanged.status == 200 or exchanged.code == "reservation_cancelled", exchanged.text
        assert await seats_now(api, customer, reservation_id) == {new if exchanged.status == 200 else old}
    assert not await owners(db, cinema.showtime_id)
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    await assert_sound(db, redis_url)


async def test_an_exchange_and_a_confirm_of_one_hold_at_once_book_what_the_reservation_has(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    sold: set[int] = set()
    for place in range(0, 20, 2):
        old, new = cinema.seat_ids[place : place + 2]
        reservation_id = await reserved(api, customer, cinema, [old], confirmed=False)
        exchanged, confirmed = await asyncio.gather(
            exchange(api, customer, reservation_id, [new]), api.confirm(customer, reservation_id)
        )
        assert (exchanged.status, confirmed.status) == (200, 200), (exchanged.text, confirmed.text)
        assert await seats_now(api, customer, reservation_id) == {new}
        sold.add(new)
    assert await owners(db, cinema.showtime_id) == Counter(sold)
    await assert_sound(db, redis_url)


async def test_an_exchange_and_holds_of_the_wanted_seat_at_once_give_it_to_one(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer = await api.cinema(rows=2), await api.sign_up()
    rivals = [await api.sign_up() for _ in range(3)]
    reservation_id = await reserved(api, customer, cinema, cinema.seat_ids[:1])
    for wanted in cinema.seat_ids[1:]:
        exchanged, *holds = await asyncio.gather(
            exchange(api, customer, reservation_id, [wanted]),
            *(api.hold(who, cinema.showtime_id, [wanted]) for who in rivals),
        )
        assert exchanged.status in (200, 409, 503), exchanged.text
        got = [hold.status for hold in holds].count(201) + (exchanged.status == 200)
        assert got <= 1
        assert ((await seats_now(api, customer, reservation_id)) == {wanted}) == (exchanged.status == 200)
    assert (await owners(db, cinema.showtime_id)).total() == 1
    await assert_sound(db, redis_url)


async def test_changes_of_one_hold_at_once_leave_both_stores_with_the_same_seats(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    workers = [await start_api(), await start_api()]
    cinema, customer = await workers[0].cinema(rows=1, seats_per_row=8), await workers[0].sign_up()
    seats = cinema.seat_ids
    reservation_id = await reserved(workers[0], customer, cinema, seats[:1], confirmed=False)
    blocker = await workers[0].sign_up()
    await reserved(workers[0], blocker, cinema, seats[-1:], confirmed=False)
    path = f"/reservations/{reservation_id}/seats"
    for turn in range(8):
        await asyncio.gather(
            *(
                workers[place % 2].call(
                    "POST", path, {"seat_ids": [seats[place], *seats[7:] * (place % 3 == turn % 3)]}, who=customer
                )
                for place in range(1, 7)
            ),
            *(workers[place % 2].call("DELETE", f"{path}/{seats[place]}", who=customer) for place in range(1, 7)),
            workers[turn % 2].extend(customer, reservation_id),
        )
    mine = await seats_now(workers[0], customer, reservation_id)
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        holders = await redis.mget([f"{{{cinema.showtime_id}}}:seat:{seat}" for seat in seats])
    in_redis = {seat for seat, holder in zip(seats, holders, strict=True) if holder == reservation_id}
    assert in_redis >= mine, "a seat of the hold is free in Redis"
    assert seats[-1] not in mine
    assert (await workers[0].confirm(customer, reservation_id)).status == 200
    assert await owners(db, cinema.showtime_id) == Counter(mine)


async def test_a_change_that_another_one_overtakes_releases_no_seat_that_the_hold_has_by_then(
    start_api: StartApi, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = await start_api(MAX_SEATS_PER_HOLD="3")
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    first, second, third, fourth = cinema.seat_ids[:4]
    reservation_id = await reserved(api, customer, cinema, [first], confirmed=False)
    path = f"/reservations/{reservation_id}/seats"
    is_read, go_on, waits = asyncio.Event(), asyncio.Event(), iter([True])

    async def plan_change(*args: Any) -> Any:
        if next(waits, False):
            is_read.set()
            await go_on.wait()
        return await seat_change_plan.plan_change(*args)

    monkeypatch.setattr(change_seats, "plan_change", plan_change)
    overtaken = asyncio.create_task(api.call("POST", path, {"seat_ids": [second, third]}, who=customer))
    await is_read.wait()
    assert (await api.call("POST", path, {"seat_ids": [second, fourth]}, who=customer)).status == 200
    go_on.set()

    assert (await overtaken).status == 422  # four seats
    assert await seats_now(api, customer, reservation_id) == {first, second, fourth}
    assert (await api.hold(other, cinema.showtime_id, [second])).code == "seats_unavailable"
    assert (await api.hold(other, cinema.showtime_id, [third])).status == 201
    assert (await api.confirm(customer, reservation_id)).status == 200
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("meanwhile", ["showtime cancelled", "seat blocked", "showtime in another room"])
async def test_a_hold_whose_exchange_fails_does_not_get_back_a_seat_that_is_gone_meanwhile(
    api: Api, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    cinema, customer, admin = await api.cinema(), await api.sign_up(), await api.admin()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    reservation_id = await reserved(api, customer, cinema, cinema.seat_ids[:1], confirmed=False)
    is_committed, go_on = asyncio.Event(), asyncio.Event()

    async def extend(_: Holds, **__: Any) -> frozenset[int]:
        is_committed.set()
        await go_on.wait()
        raise HoldsUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(Holds, "extend", extend)
        exchanging = asyncio.create_task(exchange(api, customer, reservation_id, cinema.seat_ids[1:2], later))
        await is_committed.wait()
        path = f"/admin/showtimes/{cinema.showtime_id}"
        if meanwhile == "showtime cancelled":
            done = await api.call("POST", f"{path}/cancel", {"reason": "Broken projector"}, who=admin)
        elif meanwhile == "seat blocked":
            seat = {"seat_ids": cinema.seat_ids[:1], "reason": "House seat"}
            done = await api.call("POST", f"{path}/blocks", seat, who=admin)
        else:
            room, _seats = await api.auditorium()
            moved = {"movie_id": cinema.movie_id, "auditorium_id": room, "base_price": "10.00", **slot(24)}
            done = await api.call("PUT", path, moved, who=admin)
        assert done.status in (200, 201), done.text
        go_on.set()
        assert (await exchanging).code == "holds_unavailable"

    assert (await api.confirm(customer, reservation_id)).code == "reservation_cancelled"
    assert not await owners(db, later)
    assert not await db.fetchval("select count(reservation_id) from booked_seats")
    await assert_sound(db, redis_url)


async def test_a_hold_whose_exchange_fails_has_its_seats_as_before(
    api: Api, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    reservation_id = await reserved(api, customer, cinema, cinema.seat_ids[:1], confirmed=False)
    extends, calls = Holds.extend, iter([True])

    async def extend(holds: Holds, **arguments: Any) -> frozenset[int]:
        if next(calls, False):
            raise HoldsUnavailable
        return await extends(holds, **arguments)

    monkeypatch.setattr(Holds, "extend", extend)
    refused = await exchange(api, customer, reservation_id, cinema.seat_ids[1:2], later)

    assert refused.code == "holds_unavailable"
    assert (await api.hold(other, later, cinema.seat_ids[1:2])).status == 201
    assert (await api.hold(other, cinema.showtime_id, cinema.seat_ids[:1])).code == "seats_unavailable"
    assert (await api.confirm(customer, reservation_id)).status == 200
    assert await owners(db, cinema.showtime_id) == Counter(cinema.seat_ids[:1])
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "held"])
async def test_the_audit_finds_nothing_in_a_change_before_the_showtime_got_another_room(
    api: Api, db: Connection, redis_url: str, confirmed: bool
) -> None:
    cinema, customer, admin = await api.cinema(), await api.sign_up(), await api.admin()
    reservation_id = await reserved(api, customer, cinema, cinema.seat_ids[:2], confirmed=confirmed)
    assert (await cancel_seats(api, customer, reservation_id, cinema.seat_ids[:1])).status == 200
    room, seats = await api.auditorium()
    moved = {"movie_id": cinema.movie_id, "auditorium_id": room, "base_price": "10.00", **slot(24)}
    path = f"/admin/showtimes/{cinema.showtime_id}?force=true"
    assert (await api.call("PUT", path, moved, who=admin)).status == 200
    assert await seats_now(api, customer, reservation_id) == {seats[1]}
    await assert_sound(db, redis_url)
