"""Waiting rooms: the lot before the sale, first come, first served after it, and what holds need."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import time
from types import SimpleNamespace
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.http.app_keys import WAITING_ROOMS
from reservation.waiting.room import LIVE_S, LONGEST_ASK_S, Room, WaitingRooms
from tests.api import Answer, Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound

WAIT_S = 90.0


async def room(api: Api, *, on_sale_in_s: float | None = None, **fields: Any) -> Cinema:
    """A showtime with a waiting room, whose sale has begun unless it begins in so many seconds."""
    if on_sale_in_s is not None:
        fields["on_sale_at"] = (datetime.now(UTC) + timedelta(seconds=on_sale_in_s)).isoformat()
    return await api.cinema(waiting_room=True, **fields)


def set_admissions(api: Api, *, running: bool) -> None:
    """Have waiting rooms admit no customer, or go on: a busy machine may take longer to join than a room waits."""
    rooms = api.client.app[WAITING_ROOMS]
    common = WaitingRooms._common

    def without_admissions(room: Room) -> tuple[int, int, int, int]:
        on_sale_us, _, admission_us, live_us = common(rooms, room)
        return on_sale_us, 0, admission_us, live_us

    vars(rooms)["_common"] = common.__get__(rooms) if running else without_admissions


async def join(api: Api, cinema: Cinema, who: Person) -> Any:
    answer = await api.call("POST", f"/showtimes/{cinema.showtime_id}/waiting-room", who=who)
    assert answer.status == 200, answer.text
    return answer.json


async def poll(api: Api, cinema: Cinema, who: Person, ticket: str) -> Any:
    path = f"/showtimes/{cinema.showtime_id}/waiting-room"
    answer = await api.call("GET", path, who=who, params={"ticket": ticket})
    assert answer.status == 200, answer.text
    return answer.json


async def admitted(api: Api, cinema: Cinema, who: Person) -> str:
    """Wait for the admission."""
    place = await join(api, cinema, who)
    async with asyncio.timeout(WAIT_S):
        while place["status"] != "admitted":
            await asyncio.sleep(0.05)
            place = await poll(api, cinema, who, place["queue_ticket"])
    return str(place["admission_token"])


async def hold(
    api: Api, cinema: Cinema, who: Person, token: str = "", wanted: Any = None, showtime_id: int | None = None
) -> Answer:
    return await api.call(
        "POST",
        f"/showtimes/{showtime_id or cinema.showtime_id}/holds",
        wanted or {"seat_ids": cinema.seat_ids[:1]},
        who=who,
        headers={"Admission-Token": token} if token else {},
    )


async def order_of_admissions(api: Api, cinema: Cinema, people: Sequence[Person], tickets: Sequence[str]) -> list[int]:
    """Poll for all until all are admitted; the people's indexes in the order of their admissions' ends."""
    ends: dict[int, str] = {}
    async with asyncio.timeout(WAIT_S):
        while len(ends) < len(people):
            for index, (person, ticket) in enumerate(zip(people, tickets, strict=True)):
                if index not in ends:
                    place = await poll(api, cinema, person, ticket)
                    if place["status"] == "admitted":
                        ends[index] = place["admission_expires_at"]
    return sorted(ends, key=lambda index: ends[index])


async def test_a_hold_without_an_admission_is_refused_and_one_with_it_is_made(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer = await room(api), await api.sign_up()
    for wanted in ({"seat_ids": cinema.seat_ids[:2]}, {"quantity": 2}):
        refused = await hold(api, cinema, customer, wanted=wanted)
        assert (refused.status, refused.code) == (403, "admission_required"), refused.text
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    token = await admitted(api, cinema, customer)
    assert (await hold(api, cinema, customer, token)).status == 201
    assert (await hold(api, cinema, customer, token, {"quantity": 2})).status == 201
    await assert_sound(db, redis_url)


async def test_an_admission_is_good_for_its_customer_and_showtime_alone_and_until_its_end(api: Api) -> None:
    cinema, customer, other = await room(api), await api.sign_up(), await api.sign_up()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, waiting_room=True, **slot(48))
    token = await admitted(api, cinema, customer)
    assert (await hold(api, cinema, other, token)).code == "admission_required"
    assert (await hold(api, cinema, customer, token, showtime_id=later)).code == "admission_required"
    assert (await hold(api, cinema, customer, f"{token[:-2]}AA")).code == "admission_required"
    signer, now_us = api.client.app[WAITING_ROOMS].signer, int(datetime.now(UTC).timestamp() * 1_000_000)
    ended = signer.admission(cinema.showtime_id, customer.id, now_us - 1)
    assert (await hold(api, cinema, customer, ended)).code == "admission_required"
    assert (await hold(api, cinema, customer, token)).status == 201


async def test_a_queue_ticket_is_no_admission_and_good_for_its_customer_alone(start_api: StartApi) -> None:
    api = await start_api(ADMISSIONS_PER_SECOND="1")
    cinema, customer, other = await room(api), await api.sign_up(), await api.sign_up()
    ticket = (await join(api, cinema, customer))["queue_ticket"]
    assert (await hold(api, cinema, customer, ticket)).code == "admission_required"
    path = f"/showtimes/{cinema.showtime_id}/waiting-room"
    for forged, who in ((ticket, other), (ticket[:-2] + "AA", customer), ("é", customer)):
        answer = await api.call("GET", path, who=who, params={"ticket": forged})
        assert (answer.status, answer.code) == (422, "validation_error"), forged
        assert answer.json["errors"][0]["pointer"] == "/ticket"


async def test_a_showtime_without_a_waiting_room_needs_no_admission_and_has_none_to_join(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    answer = await api.call("POST", f"/showtimes/{cinema.showtime_id}/waiting-room", who=customer)
    assert (answer.status, answer.code) == (404, "not_found")
    assert (await hold(api, cinema, customer)).status == 201


async def test_a_waiting_room_that_is_made_or_given_up_counts_from_the_next_hold_on(
    start_api: StartApi, db: Connection
) -> None:
    """Also for a worker that has the showtime as it was before."""
    api = await start_api()
    cinema, customer = await api.cinema(), await api.sign_up()
    assert (await hold(api, cinema, customer)).status == 201  # the layout is kept from here on
    await db.execute("update showtimes set waiting_room = true where id = $1", cinema.showtime_id)
    second = {"seat_ids": cinema.seat_ids[1:2]}
    assert (await hold(api, cinema, customer, wanted=second)).code == "admission_required"
    assert (await api.statuses(cinema.showtime_id))[cinema.seat_ids[1]] == "available"
    await db.execute("update showtimes set waiting_room = false where id = $1", cinema.showtime_id)
    assert (await hold(api, cinema, customer, wanted=second)).status == 201


async def test_staff_and_api_keys_need_no_admission(api: Api) -> None:
    cinema, staff, customer = await room(api), await api.staff(), await api.sign_up()
    assert (await hold(api, cinema, staff)).status == 201
    key = {"name": "Kiosk", "user_id": customer.id, "scopes": ["booking"]}
    made = await api.make("/admin/api-keys", key)
    kiosk = Person(customer.id, customer.email, made["key"], "")
    assert (await hold(api, cinema, kiosk, wanted={"seat_ids": cinema.seat_ids[1:3]})).status == 201


async def test_an_exchange_for_seats_of_a_waiting_room_needs_an_admission(api: Api) -> None:
    cinema, customer = await room(api), await api.sign_up()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    held = await hold(api, cinema, customer, showtime_id=later)
    path = f"/reservations/{held.json['id']}/exchange"
    wanted: dict[str, Any] = {"seat_ids": cinema.seat_ids[:1], "showtime_id": cinema.showtime_id}
    assert (await api.call("POST", path, wanted, who=customer)).code == "admission_required"
    headers = {"Admission-Token": await admitted(api, cinema, customer)}
    assert (await api.call("POST", path, wanted, who=customer, headers=headers)).status == 200
    own = {"seat_ids": cinema.seat_ids[1:2]}  # within the showtime it is admitted to already
    assert (await api.call("POST", path, own, who=customer)).status == 200


async def test_customers_of_before_the_sale_are_admitted_by_lot_and_later_ones_as_they_came(
    start_api: StartApi,
) -> None:
    api = await start_api(ADMISSIONS_PER_SECOND="1")  # so that no two admissions end at the same time
    cinema = await room(api, on_sale_in_s=6)
    people = [await api.sign_up() for _ in range(9)]
    early = [await join(api, cinema, person) for person in people[:6]]
    assert {place["status"] for place in early} == {"before_sale"}
    assert {(place["position"], place["expected_seconds"]) for place in early} == {(None, None)}
    assert [place["waiting"] for place in early] == [1, 2, 3, 4, 5, 6]
    signer = api.client.app[WAITING_ROOMS].signer
    lots = sorted(range(6), key=lambda index: signer.lot(cinema.showtime_id, people[index].id))
    async with asyncio.timeout(WAIT_S):
        while (await poll(api, cinema, people[0], early[0]["queue_ticket"]))["status"] == "before_sale":
            await asyncio.sleep(0.05)
    late = [await join(api, cinema, person) for person in people[6:]]
    # One who is admitted by now has got no ticket, and needs one to ask for it: any.
    tickets = [
        place["queue_ticket"] or signer.ticket(cinema.showtime_id, person.id, 1)
        for person, place in zip(people, (*early, *late), strict=True)
    ]
    order = await order_of_admissions(api, cinema, people, tickets)
    assert [index for index in order if index < 6] == lots
    assert [index for index in order if index >= 6] == [6, 7, 8]


async def test_so_many_are_admitted_a_second_and_the_place_counts_down(start_api: StartApi) -> None:
    api = await start_api(ADMISSIONS_PER_SECOND="2")
    cinema, people = await room(api), [await api.sign_up() for _ in range(7)]
    set_admissions(api, running=False)
    places = [await join(api, cinema, person) for person in people]
    assert [place["position"] for place in places] == [1, 2, 3, 4, 5, 6, 7]
    assert [place["expected_seconds"] for place in places] == [1, 1, 2, 2, 3, 3, 4]
    assert all(place["poll_after_seconds"] >= 2 for place in places)
    set_admissions(api, running=True)
    order = await order_of_admissions(api, cinema, people, [place["queue_ticket"] for place in places])
    assert order == [0, 1, 2, 3, 4, 5, 6]
    ends = [
        datetime.fromisoformat((await join(api, cinema, person))["admission_expires_at"]).timestamp()
        for person in people
    ]
    # At most one second's worth at once, so seven take more than two seconds.
    assert ends[6] - ends[0] > 2


@pytest.mark.parametrize("starts", ["earlier", "at once", "by a clock that is behind"])
async def test_customers_are_admitted_when_the_sale_starts_earlier_than_it_was_to(
    api: Api, db: Connection, redis_url: str, starts: str
) -> None:
    """Also without a start any more, and in a Redis whose clock is behind that of the one before."""
    cinema, customer = await room(api, on_sale_in_s=3600), await api.sign_up()
    assert (await join(api, cinema, customer))["status"] == "before_sale"
    async with Redis.from_url(redis_url) as client:
        key = f"{{{cinema.showtime_id}}}:waiting"
        assert float(await client.hget(key, "given") or 0) > (time() + 3000) * 1_000_000
        if starts == "by a clock that is behind":
            await client.delete(f"{key}:queue", f"{key}:seen")
    start = datetime.now(UTC) - timedelta(seconds=10) if starts == "earlier" else None
    await db.execute("update showtimes set on_sale_at = $2 where id = $1", cinema.showtime_id, start)
    await admitted(api, cinema, customer)


async def test_joining_again_keeps_the_place(api: Api) -> None:
    cinema, people = await room(api), [await api.sign_up() for _ in range(3)]
    set_admissions(api, running=False)
    for person in people:
        await join(api, cinema, person)
    again = await join(api, cinema, people[1])
    assert (again["position"], again["waiting"]) == (2, 3)


async def test_a_redis_that_lost_its_data_gets_the_order_back_from_the_tickets(
    start_api: StartApi, redis_url: str
) -> None:
    api = await start_api(ADMISSIONS_PER_SECOND="2")
    cinema, people = await room(api), [await api.sign_up() for _ in range(8)]
    set_admissions(api, running=False)
    places = [await join(api, cinema, person) for person in people]
    async with Redis.from_url(redis_url) as client:
        await client.flushall()
    set_admissions(api, running=False)
    late = await api.sign_up()
    last = await join(api, cinema, late)  # the first who asks, and without a ticket
    assert last["position"] == 1
    for index in (5, 2, 7, 0, 1, 6, 3, 4):
        assert (await poll(api, cinema, people[index], places[index]["queue_ticket"]))["status"] == "waiting"
    set_admissions(api, running=True)
    tickets = [*[place["queue_ticket"] for place in places], last["queue_ticket"]]
    order = await order_of_admissions(api, cinema, [*people, late], tickets)
    assert order == [0, 1, 2, 3, 4, 5, 6, 7, 8]


async def test_one_who_has_left_uses_up_no_admission_and_gets_the_place_back(
    start_api: StartApi, redis_url: str
) -> None:
    api = await start_api(ADMISSIONS_PER_SECOND="1")
    cinema, people = await room(api), [await api.sign_up() for _ in range(4)]
    set_admissions(api, running=False)
    places = [await join(api, cinema, person) for person in people]
    async with Redis.from_url(redis_url) as client:  # the second has not asked for long
        await client.zadd(f"{{{cinema.showtime_id}}}:waiting:seen", {str(people[1].id): 1})
    after = await poll(api, cinema, people[2], places[2]["queue_ticket"])
    assert (after["position"], after["waiting"]) == (2, 3)
    back = await poll(api, cinema, people[1], places[1]["queue_ticket"])
    assert (back["position"], back["waiting"]) == (2, 4)


async def test_none_of_many_who_have_left_at_once_is_admitted(start_api: StartApi, redis_url: str) -> None:
    """More than are looked for in one go."""
    api = await start_api(ADMISSIONS_PER_SECOND="1000")
    cinema, first, second = await room(api), await api.sign_up(), await api.sign_up()
    await admitted(api, cinema, first)  # from now on, some are due whenever it is asked
    key = f"{{{cinema.showtime_id}}}:waiting"
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        gone = [f"-{number}" for number in range(1, 151)]
        await client.zadd(f"{key}:queue", dict.fromkeys(gone, 0.0))
        await client.zadd(f"{key}:seen", dict.fromkeys(gone, 1))
        await admitted(api, cinema, second)
        assert {*await client.zrange(f"{key}:admitted", 0, -1)} == {str(first.id), str(second.id)}


async def test_an_admission_that_has_ended_is_spent(start_api: StartApi, redis_url: str) -> None:
    api = await start_api(ADMISSIONS_PER_SECOND="1")
    cinema, customer = await room(api), await api.sign_up()
    await admitted(api, cinema, customer)
    others = [await api.sign_up() for _ in range(3)]
    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    # The admission ended just now, so it began ten minutes ago, and the ticket is older than that.
    spent = api.client.app[WAITING_ROOMS].signer.ticket(cinema.showtime_id, customer.id, now_us - 601_000_000)
    async with Redis.from_url(redis_url) as client:
        await client.zadd(f"{{{cinema.showtime_id}}}:waiting:admitted", {str(customer.id): now_us - 1})
    set_admissions(api, running=False)
    await asyncio.gather(*(join(api, cinema, other) for other in others))
    again = await poll(api, cinema, customer, spent)
    assert again["status"] == "waiting"
    assert again["position"] == again["waiting"] > 1
    assert again["queue_ticket"] != spent


async def test_a_cancelled_showtime_and_one_whose_sale_has_ended_cannot_be_waited_for(api: Api, db: Connection) -> None:
    cinema, customer = await room(api), await api.sign_up()
    await db.execute("update showtimes set sales_end_at = now() where id = $1", cinema.showtime_id)
    path = f"/showtimes/{cinema.showtime_id}/waiting-room"
    assert (await api.call("POST", path, who=customer)).code == "sales_ended"
    other = await room(api, **slot(60))
    await api.call("POST", f"/admin/showtimes/{other.showtime_id}/cancel", {"reason": "x"}, who=await api.admin())
    path = f"/showtimes/{other.showtime_id}/waiting-room"
    assert (await api.call("POST", path, who=customer)).code == "showtime_cancelled"
    assert (await api.call("POST", "/showtimes/999/waiting-room", who=customer)).status == 404
    assert (await api.call("POST", path)).status == 401


async def test_all_keys_of_a_room_expire(api: Api, redis_url: str) -> None:
    """Also if one customer alone ever joins it."""
    cinema, customer = await room(api), await api.sign_up()
    set_admissions(api, running=False)
    await join(api, cinema, customer)
    async with Redis.from_url(redis_url) as client:
        pattern = f"{{{cinema.showtime_id}}}:waiting*"
        waiting = {key: await client.ttl(key) async for key in client.scan_iter(pattern)}
        assert len(waiting) == 3
        assert min(waiting.values()) > 0, waiting
        set_admissions(api, running=True)
        await admitted(api, cinema, customer)
        after = {key: await client.ttl(key) async for key in client.scan_iter(pattern)}
    assert len(after) == 2
    assert min(after.values()) > 0, after


def test_a_customer_is_never_told_to_ask_later_than_the_place_is_kept() -> None:
    rooms: Any = SimpleNamespace(per_second=50)
    now_us = 1_795_000_000_000_000
    for left_s in range(1, 121):
        sale = Room(datetime.fromtimestamp(now_us / 1_000_000 + left_s, UTC), 0.0)
        for _ in range(20):
            place = WaitingRooms.place(rooms, 1, "t", sale, now_us=now_us, before=9, waiting=1_000_000)
            assert 1 <= place.poll_after_seconds <= LONGEST_ASK_S < LIVE_S
