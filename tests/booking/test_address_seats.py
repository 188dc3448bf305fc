"""The seats of a showtime that one client address has in live holds, by whatever accounts."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.api import Answer, Api, Connection, Person, slot
from tests.booking.test_hold_limits import api_key
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound

HOME, OFFICE = "1.2.3.4", "2606:4700::1"
WAIT_S = 60.0


async def start(start_api: StartApi, most: int, **settings: str) -> Api:
    limits = {"HELD_SEATS_PER_ADDRESS": str(most), "MAX_SEATS_PER_HOLD": str(most or 10)}
    return await start_api(**limits | {"TRUSTED_PROXIES": "127.0.0.1"} | settings)


async def hold(api: Api, showtime_id: int, seats: list[int], address: str = HOME, who: Person | None = None) -> Answer:
    """Hold seats from an address, with an account of its own unless one is given."""
    return await api.call(
        "POST",
        f"/showtimes/{showtime_id}/holds",
        {"seat_ids": seats},
        who=who or await api.sign_up(),
        headers={"X-Forwarded-For": address},
    )


def assert_refused(answer: Answer) -> None:
    assert (answer.status, answer.code) == (429, "too_many_requests"), answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert "HELD_SEATS_PER_ADDRESS" in answer.json["detail"]


async def test_accounts_of_one_address_hold_at_most_so_many_seats_of_a_showtime(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    api = await start(start_api, 4)
    cinema = await api.cinema()
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    seats = cinema.seat_ids
    assert (await hold(api, cinema.showtime_id, seats[:2])).status == 201
    assert_refused(await hold(api, cinema.showtime_id, seats[2:5]))
    assert (await hold(api, cinema.showtime_id, seats[2:4])).status == 201
    assert_refused(await hold(api, cinema.showtime_id, seats[4:5]))
    assert [*(await api.statuses(cinema.showtime_id)).values()][:6] == ["held"] * 4 + ["available"] * 2
    assert (await hold(api, cinema.showtime_id, seats[4:6], OFFICE)).status == 201
    assert_refused(await hold(api, cinema.showtime_id, seats[6:9], "2606:4700::2"))  # of the same /64
    assert (await hold(api, later, seats[:3])).status == 201
    async with Redis.from_url(redis_url) as client:
        assert 0 < await client.ttl(f"{{{cinema.showtime_id}}}:address:{HOME}") <= 1800
    await assert_sound(db, redis_url)


async def test_holds_at_once_are_all_counted(start_api: StartApi) -> None:
    api = await start(start_api, 4)
    cinema, people = await api.cinema(), [await api.sign_up() for _ in range(10)]
    answers = await asyncio.gather(
        *(
            hold(api, cinema.showtime_id, [seat], who=person)
            for seat, person in zip(cinema.seat_ids[:10], people, strict=True)
        )
    )
    assert sorted(answer.status for answer in answers) == [201] * 4 + [429] * 6


async def test_a_hold_of_all_the_seats_that_one_may_have_is_possible(start_api: StartApi) -> None:
    api = await start(start_api, 2, MAX_SEATS_PER_HOLD="4")
    cinema = await api.cinema()
    assert (await hold(api, cinema.showtime_id, cinema.seat_ids[:4])).status == 201
    assert_refused(await hold(api, cinema.showtime_id, cinema.seat_ids[4:5]))


async def test_a_refused_change_of_a_hold_changes_no_map(start_api: StartApi) -> None:
    api = await start(start_api, 2)
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await hold(api, cinema.showtime_id, cinema.seat_ids[:2], who=customer)
    path = f"/showtimes/{cinema.showtime_id}/seats"
    before = (await api.call("GET", path)).json["version"]
    refused = await api.call(
        "POST",
        f"/reservations/{held.json['id']}/exchange",
        {"seat_ids": cinema.seat_ids[2:4]},
        who=customer,
        headers={"X-Forwarded-For": HOME},
    )
    assert_refused(refused)
    assert (await api.call("GET", path)).json["version"] == before


async def test_confirmed_and_cancelled_holds_make_room(start_api: StartApi) -> None:
    api = await start(start_api, 2)
    cinema, customer = await api.cinema(), await api.sign_up()
    seats = iter(cinema.seat_ids)
    for end in (api.confirm, api.cancel):
        held = await hold(api, cinema.showtime_id, [next(seats), next(seats)], who=customer)
        assert held.status == 201, held.text
        assert_refused(await hold(api, cinema.showtime_id, [next(seats)]))
        assert (await end(customer, held.json["id"])).status == 200
    assert (await hold(api, cinema.showtime_id, [next(seats), next(seats)])).status == 201


async def test_expired_holds_make_room(start_api: StartApi) -> None:
    api = await start(start_api, 2, HOLD_TTL_SECONDS="2", HOLD_MAX_SECONDS="2")
    cinema, people = await api.cinema(), [await api.sign_up() for _ in range(2)]
    assert (await hold(api, cinema.showtime_id, cinema.seat_ids[:2], who=people[0])).status == 201
    async with asyncio.timeout(WAIT_S):
        while (await hold(api, cinema.showtime_id, cinema.seat_ids[2:4], who=people[1])).status != 201:
            await asyncio.sleep(0.1)


async def test_a_refused_hold_of_seats_that_others_hold_is_not_counted(start_api: StartApi) -> None:
    api = await start(start_api, 2)
    cinema = await api.cinema()
    assert (await hold(api, cinema.showtime_id, cinema.seat_ids[:2], OFFICE)).status == 201
    for _ in range(3):
        taken = await hold(api, cinema.showtime_id, cinema.seat_ids[:2])
        assert (taken.status, taken.code) == (409, "seats_unavailable")
    assert (await hold(api, cinema.showtime_id, cinema.seat_ids[2:4])).status == 201


async def test_a_repeated_hold_gets_its_first_answer_at_the_limit_of_its_address(start_api: StartApi) -> None:
    api = await start(start_api, 2)
    cinema, customer = await api.cinema(), await api.sign_up()
    headers = {"X-Forwarded-For": HOME, "Idempotency-Key": "a"}
    path, body = f"/showtimes/{cinema.showtime_id}/holds", {"seat_ids": cinema.seat_ids[:2]}
    first, again = [await api.call("POST", path, body, who=customer, headers=headers) for _ in range(2)]
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json


async def test_seats_that_a_hold_gets_later_are_counted(start_api: StartApi) -> None:
    api = await start(start_api, 4)
    cinema, customer = await api.cinema(), await api.sign_up()
    seats, headers = cinema.seat_ids, {"X-Forwarded-For": HOME}
    assert (await hold(api, cinema.showtime_id, seats[-1:])).status == 201
    held = await hold(api, cinema.showtime_id, seats[:1], who=customer)
    path = f"/reservations/{held.json['id']}"

    async def change(way: str, seat_ids: list[int]) -> Answer:
        return await api.call("POST", f"{path}/{way}", {"seat_ids": seat_ids}, who=customer, headers=headers)

    assert (await change("seats", seats[1:3])).status == 200
    assert_refused(await change("seats", seats[3:4]))
    assert_refused(await hold(api, cinema.showtime_id, seats[3:4]))
    assert_refused(await change("exchange", seats[4:8]))
    assert [*(await api.statuses(cinema.showtime_id)).values()][:5] == ["held"] * 3 + ["available"] * 2


@pytest.mark.parametrize("who", ["staff", "API key", "not public", "no limit"])
async def test_staff_api_keys_and_addresses_that_are_not_public_have_no_such_limit(
    start_api: StartApi, who: str
) -> None:
    api = await start(start_api, 0 if who == "no limit" else 2)
    cinema, person = await api.cinema(), await api.sign_up()
    if who == "staff":
        person = await api.staff()
    if who == "API key":
        person = await api_key(api, person)
    address = "10.1.2.3" if who == "not public" else HOME
    for start_at in (0, 2):
        body: Any = cinema.seat_ids[start_at : start_at + 2]
        assert (await hold(api, cinema.showtime_id, body, address, person)).status == 201
