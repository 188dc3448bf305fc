"""The places that one client address has in the waiting room of a showtime, by whatever accounts."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.api import Answer, Api, Cinema, Person, slot
from tests.booking.test_hold_limits import api_key
from tests.conftest import StartApi
from tests.waiting.test_room import WAIT_S, room, set_admissions

HOME, OFFICE = "1.2.3.4", "2606:4700::1"


async def start(start_api: StartApi, most: int, **settings: str) -> Api:
    return await start_api(WAITING_PLACES_PER_ADDRESS=str(most), TRUSTED_PROXIES="127.0.0.1", **settings)


async def call(api: Api, cinema: Cinema, who: Person, address: str, **params: str) -> Answer:
    """Join, or poll with a ticket."""
    path, headers = f"/showtimes/{cinema.showtime_id}/waiting-room", {"X-Forwarded-For": address}
    return await api.call("GET" if params else "POST", path, who=who, headers=headers, params=params)


async def test_accounts_of_one_address_have_at_most_so_many_places(start_api: StartApi, redis_url: str) -> None:
    api = await start(start_api, 2)
    cinema, people = await room(api, on_sale_in_s=3600), [await api.sign_up() for _ in range(5)]
    places = [await call(api, cinema, person, HOME) for person in people[:3]]
    assert [place.status for place in places] == [200, 200, 429]
    assert places[2].code == "too_many_requests"
    assert "WAITING_PLACES_PER_ADDRESS" in places[2].json["detail"]
    assert int(places[2].headers["Retry-After"]) > 0
    again = await call(api, cinema, people[0], HOME)
    assert (again.status, again.json["waiting"]) == (200, 2)
    assert (await call(api, cinema, people[1], HOME, ticket=places[1].json["queue_ticket"])).status == 200
    assert (await call(api, cinema, people[3], OFFICE)).json["waiting"] == 3
    later = await room(api, on_sale_in_s=3600, **slot(48))
    assert (await call(api, later, people[4], HOME)).status == 200
    async with Redis.from_url(redis_url) as client:
        assert 0 < await client.ttl(f"{{{cinema.showtime_id}}}:waiting:address:{HOME}") <= 604_800


async def test_customers_who_wait_no_more_make_room(start_api: StartApi) -> None:
    api = await start(start_api, 1)
    cinema, people = await room(api), [await api.sign_up() for _ in range(2)]
    set_admissions(api, running=False)
    first = (await call(api, cinema, people[0], HOME)).json
    assert (await call(api, cinema, people[1], HOME)).status == 429
    set_admissions(api, running=True)
    place: Any = first
    async with asyncio.timeout(WAIT_S):
        while place["status"] != "admitted":
            await asyncio.sleep(0.05)
            place = (await call(api, cinema, people[0], HOME, ticket=first["queue_ticket"])).json
    assert (await call(api, cinema, people[1], HOME)).status == 200


@pytest.mark.parametrize("who", ["staff", "API key", "not public", "no limit"])
async def test_staff_api_keys_and_addresses_that_are_not_public_have_no_such_limit(
    start_api: StartApi, who: str
) -> None:
    api = await start(start_api, 0 if who == "no limit" else 1)
    cinema, people = await room(api, on_sale_in_s=3600), [await api.sign_up() for _ in range(2)]
    if who == "staff":
        people = [await api.staff(), await api.admin()]
    if who == "API key":
        people = [await api_key(api, person) for person in people]
    address = "10.1.2.3" if who == "not public" else HOME
    assert [(await call(api, cinema, person, address)).status for person in people] == [200, 200]
