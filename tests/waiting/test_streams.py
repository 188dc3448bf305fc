"""The live feed of places in a waiting room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
from aiohttp import ClientResponse
from redis.asyncio import Redis

from reservation.http.app_keys import LIVE, LOAD_SHEDDING
from reservation.runtime.lanes import Lane
from reservation.runtime.load_shedding import LoadShedding
from tests.api import Api, Cinema, Connection, Person
from tests.conftest import StartApi
from tests.faults.test_batches import until
from tests.figures import figures, growth
from tests.live_feed import following
from tests.waiting.test_room import WAIT_S, hold, join, room, set_admissions


@asynccontextmanager
async def followed(api: Api, cinema: Cinema, who: Person, ticket: str) -> AsyncIterator[ClientResponse]:
    path = f"/showtimes/{cinema.showtime_id}/waiting-room/events"
    async with api.client.get(path, params={"ticket": ticket}, headers=who.headers) as response:
        yield response


async def events(response: ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    """The stream's events with their data, until it ends."""
    name = ""
    async with asyncio.timeout(WAIT_S):
        async for line in response.content:
            field, _, value = line.decode().strip().partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, orjson.loads(value)


async def test_a_follower_is_told_each_place_and_then_the_admission(start_api: StartApi) -> None:
    api = await start_api(ADMISSIONS_PER_SECOND="1")
    cinema, people = await room(api), [await api.sign_up() for _ in range(3)]
    set_admissions(api, running=False)
    places = [await join(api, cinema, person) for person in people]
    async with followed(api, cinema, people[2], places[2]["queue_ticket"]) as response:
        assert response.status == 200
        set_admissions(api, running=True)
        told = [event async for event in events(response)]
    assert [name for name, _ in told][-1] == "admitted"
    positions = [place["position"] for name, place in told if name == "place"]
    assert positions[0] == 3
    assert positions == sorted(positions, reverse=True)
    answer = await hold(api, cinema, people[2], told[-1][1]["admission_token"])
    assert answer.status == 201


async def test_followers_are_restored_when_redis_loses_its_data(start_api: StartApi, redis_url: str) -> None:
    """They ask for nothing; the service enters them again, each with its ticket."""
    api = await start_api(ADMISSIONS_PER_SECOND="1")
    cinema, people = await room(api), [await api.sign_up() for _ in range(3)]
    set_admissions(api, running=False)
    places = [await join(api, cinema, person) for person in people]
    ends = []

    async def follow(index: int) -> None:
        async with followed(api, cinema, people[index], places[index]["queue_ticket"]) as response:
            async for name, place in events(response):
                if name == "admitted":
                    ends.append((place["admission_expires_at"], index))

    following = [asyncio.create_task(follow(index)) for index in range(3)]
    async with Redis.from_url(redis_url) as client:
        await client.flushall()
    set_admissions(api, running=True)
    await asyncio.gather(*following)
    assert [index for _, index in sorted(ends)] == [0, 1, 2]


async def test_streams_end_when_the_sale_is_over(api: Api, db: Connection) -> None:
    cinema, people = await room(api), [await api.sign_up()]
    set_admissions(api, running=False)
    places = [await join(api, cinema, person) for person in people]
    async with followed(api, cinema, people[-1], places[-1]["queue_ticket"]) as response:
        await db.execute("update showtimes set sales_end_at = now() where id = $1", cinema.showtime_id)
        told = [name async for name, _ in events(response)]
    assert told[-1] == "closing"


async def test_an_address_has_at_most_so_many_streams(start_api: StartApi) -> None:
    """Streams of places and of seat maps count together; one that ends makes room."""
    api = await start_api(STREAMS_PER_ADDRESS="2", ADMISSIONS_PER_SECOND="1", TRUSTED_PROXIES="127.0.0.1")
    cinema, customer = await room(api, on_sale_in_s=600), await api.sign_up()
    ticket = (await join(api, cinema, customer))["queue_ticket"]
    seats = f"/showtimes/{cinema.showtime_id}/events"
    async with followed(api, cinema, customer, ticket) as first:
        assert first.status == 200
        async with api.client.get(seats) as second:
            assert second.status == 200
            refused = await api.call("GET", seats)
            assert (refused.status, refused.code) == (429, "too_many_requests")
            assert "STREAMS_PER_ADDRESS" in refused.json["detail"]
            assert int(refused.headers["Retry-After"]) > 0
            async with api.client.get(seats, headers={"X-Forwarded-For": "192.0.2.1"}) as other:
                assert other.status == 200
    async with asyncio.timeout(WAIT_S):
        while True:
            async with api.client.get(seats) as again:
                if again.status == 200:
                    break
            await asyncio.sleep(0.05)


async def test_a_stream_is_in_the_lane_of_maps_until_it_has_begun(start_api: StartApi) -> None:
    api = await start_api(QUEUE_DELAY_MS="10000", ADMISSIONS_PER_SECOND="1")
    shedding: LoadShedding = cast("Any", api.client.app)[LOAD_SHEDDING]
    cinema, customer = await room(api, on_sale_in_s=600), await api.sign_up()
    ticket = (await join(api, cinema, customer))["queue_ticket"]
    async with followed(api, cinema, customer, ticket) as place, following(api, cinema.showtime_id) as seats:
        assert await anext(events(place))
        assert await seats.next()
        await until(lambda: shedding.in_progress == 0)
        most, shedding.gates[Lane.MAP].limit.value = shedding.gates[Lane.MAP].limit.value, 0.0
        for path in ("waiting-room/events?ticket=" + ticket, "events"):
            address = f"/showtimes/{cinema.showtime_id}/{path}"
            async with api.client.get(address, headers=customer.headers) as refused:
                assert (refused.status, refused.headers.get("Retry-After")) == (503, "2")
        shedding.gates[Lane.MAP].limit.value = most
        assert (await api.call("GET", "/showtimes/999999/events")).status == 404
    viewers = cast("Any", api.client.app)[LIVE]
    await until(lambda: viewers.viewers == 0)
    await until(lambda: shedding.in_progress == 0)


async def test_places_admissions_followers_and_refused_holds_are_counted(start_api: StartApi) -> None:
    api = await start_api(ADMISSIONS_PER_SECOND="1")
    cinema, customer = await room(api), await api.sign_up()
    before = await figures(api)
    assert (await hold(api, cinema, customer)).status == 403
    place = await join(api, cinema, customer)
    async with followed(api, cinema, customer, place["queue_ticket"]) as response:
        async with asyncio.timeout(WAIT_S):
            while (await figures(api))["reservation_waiting_room_followers"] == before[
                "reservation_waiting_room_followers"
            ]:
                await asyncio.sleep(0.02)
        assert [name async for name, _ in events(response)][-1] == "admitted"
    moved = await growth(api, before)
    assert moved["reservation_waiting_room_places_total"] >= 2
    assert moved["reservation_waiting_room_admissions_total"] == 1
    assert moved["reservation_waiting_room_refused_holds_total"] == 1
