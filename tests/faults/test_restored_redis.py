"""A Redis that restarts with older data: no version is used twice, and PostgreSQL's holds are restored."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.embedded.binaries import valkey_program
from reservation.embedded.valkey import running_valkey
from reservation.holds.connection import RUN_KEY
from reservation.holds.keys import seat_key
from tests.api import Api
from tests.conftest import StartApi
from tests.faults.proxy import Proxy
from tests.live_feed import Follower, following, shown


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A Valkey that starts with the data saved last."""
    with running_valkey(folder, valkey_program(None), password="of-the-tests") as url:
        yield url


def statuses(seat_map: Any) -> dict[int, str]:
    return {seat["id"]: seat["status"] for seat in seat_map["seats"]}


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(redis_url) as proxy:
        yield proxy


async def test_older_data_of_redis_is_forgotten(start_api: StartApi, tmp_path: Path, proxy: Proxy) -> None:
    with valkey(tmp_path) as url:
        proxy.aim(url)
        here, there = await start_api(REDIS_URL=proxy.url), await start_api(REDIS_URL=proxy.url)
        cinema, customer = await here.cinema(rows=1, seats_per_row=4), await here.sign_up()
        showtime_id, (a, b, c, d) = cinema.showtime_id, cinema.seat_ids
        released = await here.hold(customer, showtime_id, [a])
        async with Redis.from_url(url) as redis:
            await redis.save()
        await here.cancel(customer, released.json["id"])
        await here.hold(customer, showtime_id, [b])
        before = await shown(here, showtime_id)
        assert statuses(before) == {a: "available", b: "held", c: "available", d: "available"}
        await proxy.cut()
    with valkey(tmp_path) as url:
        async with Redis.from_url(url) as redis:
            assert await redis.exists(seat_key(showtime_id, a))
            assert not await redis.exists(seat_key(showtime_id, b))
        proxy.aim(url)
        await proxy.open()
        known = {"If-None-Match": f'"{before["version"]}"'}
        assert (await here.call("GET", f"/showtimes/{showtime_id}/seats", headers=known)).status == 200
        assert (await there.hold(customer, showtime_id, [b])).code == "seats_unavailable"
        assert (await there.hold(customer, showtime_id, [c])).status == 201
        after = await shown(here, showtime_id)
        assert after == await shown(there, showtime_id)
        assert statuses(after) == {a: "available", b: "held", c: "held", d: "available"}
        assert after["version"] > before["version"]
        await proxy.cut()


async def test_viewers_get_the_current_map_after_redis_came_back_with_older_data(
    start_api: StartApi, tmp_path: Path, proxy: Proxy
) -> None:
    follower = Follower()
    with valkey(tmp_path) as url:
        proxy.aim(url)
        api = await start_api(REDIS_URL=proxy.url)
        cinema, customer = await api.cinema(rows=1, seats_per_row=4), await api.sign_up()
        released = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        async with Redis.from_url(url) as redis:
            await redis.save()
        await api.cancel(customer, released.json["id"])
        final = await shown(api, cinema.showtime_id)
        async with following(api, cinema.showtime_id) as stream:
            await follower.follow_until(stream, statuses(final), final["version"])
            await proxy.cut()
    with valkey(tmp_path) as url:
        proxy.aim(url)
        await proxy.open()
        async with following(api, cinema.showtime_id, known=follower.version) as stream:
            await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])
            final = await shown(api, cinema.showtime_id)
            await follower.follow_until(stream, statuses(final), final["version"])
            assert [*follower.statuses.values()] == ["available", "held", "available", "available"]
        await proxy.cut()


async def test_a_new_connection_to_the_same_server_forgets_nothing(api: Api, redis_url: str) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=4), await api.sign_up()
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    before = await shown(api, cinema.showtime_id)
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert str(await redis.get(RUN_KEY)).startswith((await redis.info("server"))["run_id"])
        assert await redis.client_kill_filter(_type="normal", skipme=True) > 0
    assert await shown(api, cinema.showtime_id) == before
